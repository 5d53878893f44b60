import type { CallOptions } from '../../src/core/blockstore.ts'
import { digestKey, type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { runCount } from '../../src/core/manifest.ts'
import type { Tag } from '../../src/core/reference.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Publications } from '../acl/publications.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { ImageKey } from '../catalog/image-rows.ts'
import { type CommitStores, checkAndKeepNodes } from './commit-check.ts'
import type { Gate } from './gate.ts'

export interface CommitComponents {
  readonly catalog: Pick<Catalog, 'images'>
  readonly stores: CommitStores
  readonly gate: Gate
  readonly clock: Clock
  readonly publications: Pick<Publications, 'check'>
  /** This tracker, which has the blocks. */
  readonly self: PeerKey
}

export interface CommitInit extends ImageKey {
  readonly upload: string
  readonly manifest: ManifestId
  readonly tags: readonly Tag[]
  /** Distinguished name. */
  readonly publisher: string
  /** The publisher's own, of the version. */
  readonly signature?: string | undefined
}

/** Makes the next version of an upload's image and ends the upload. Errors: those of checkAndKeepNodes and of ImageCatalog.addVersion. */
export async function commitUpload(
  components: CommitComponents,
  init: CommitInit,
  options: CallOptions = {},
): Promise<{ record: string; version: number }> {
  const { catalog, stores, gate, clock, self, publications } = components
  const { namespace, name, publisher, signature } = init
  const digest = parseManifestId(init.manifest)
  return await gate.shared(async () => {
    const { manifest, contentBytes } = await checkAndKeepNodes(stores, digest, options)
    const sha256 = manifest.sha256 === undefined ? null : digestKey(manifest.sha256)
    const facts = { namespace, name, manifest: init.manifest, size: manifest.size, sha256, publisher }
    const publication =
      signature === undefined ? undefined : await publications.check(signature, { dn: publisher, facts })
    return await catalog.images.addVersion({
      ...facts,
      ...{ upload: init.upload, tags: init.tags, publication, contentBytes, runs: runCount(manifest) },
      ...{ tracker: self, nowMs: clock.now() },
    })
  })
}
