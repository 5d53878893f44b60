import type { AclEntry } from '../../src/core/acl.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { MetadataChange } from '../../src/core/metadata-values.ts'
import type { Tag } from '../../src/core/reference.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { CheckedPublication } from '../acl/publications.ts'

export interface NewImage {
  readonly owner: { readonly id: number; readonly name: string }
  /** Distinguished name of who makes it. */
  readonly author: string
  readonly change?: MetadataChange
  /** Of its ACL. */
  readonly entries?: readonly AclEntry[]
  readonly nowMs: number
}

export interface NewVersion {
  readonly upload: string
  /** The tracker that has the blocks. */
  readonly tracker: PeerKey
  readonly manifest: ManifestId
  readonly size: number
  /** Bytes without the zero pages. */
  readonly contentBytes: number
  readonly sha256: string | null
  readonly runs: number
  readonly publisher: string
  /** What the publisher has signed, where it did. */
  readonly publication?: CheckedPublication | undefined
  readonly tags: readonly Tag[]
  readonly nowMs: number
}

/** What a name that is taken again starts with. */
export const UNSAID = {
  ...{
    description: '',
    os_variant: '',
    os_type: '',
    os_arch: '',
    hypervisor: 'xen',
    image_type: '',
    format: '',
  },
  ...{
    kernel: '',
    ramdisk: '',
    keywords: '',
    expires_at: null,
    read_only: 0,
    access_count: 0,
    accessed_at: null,
  },
  ...{ state: 'locked' as const, uploaded_at: null },
}
