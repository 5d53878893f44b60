import { covers } from '../../src/core/acl.ts'
import { type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import { NotAuthorisedError } from '../../src/core/errors.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { MANIFEST_IMAGES_MAX } from '../../src/core/limits.ts'
import { manifestProof } from '../../src/core/manifest-proof.ts'
import type { Access } from '../access/access.ts'
import type { Asker } from '../access/asker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { CommitStores } from './commit-check.ts'

export interface PossessionComponents {
  readonly access: Pick<Access, 'rightTo'>
  readonly catalog: { readonly images: Pick<Catalog['images'], 'get' | 'withManifest'> }
  readonly stores: CommitStores
}

/**
 * Keeps people from naming a manifest of images that they may not read, to have its bytes under a name of their own: they must
 * show that they have the manifest. Throws NotAuthorisedError.
 */
export async function checkPossession(
  components: PossessionComponents,
  asker: Asker,
  commit: { upload: string; manifest: ManifestId; proof?: string | undefined },
): Promise<void> {
  const { access, catalog, stores } = components
  const { upload, manifest, proof } = commit
  const versions = await catalog.images.withManifest(manifest)
  if (versions.length === 0) return
  const digest = parseManifestId(manifest)
  const [frame] = proof === undefined ? [] : await stores.nodes.get([digest])
  if (frame !== undefined && proof === manifestProof(upload, decodeFrame(frame))) return
  for (const version of versions.slice(0, MANIFEST_IMAGES_MAX)) {
    const image = await catalog.images.get(version)
    if (covers(await access.rightTo(asker, image), 'read')) return
  }
  throw new NotAuthorisedError(
    'the manifest is not yours: push the image itself, with a client that proves that it has it',
  )
}
