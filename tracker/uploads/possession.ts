import { type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { manifestProof } from '../../src/core/manifest-proof.ts'
import type { Asker } from '../access/asker.ts'
import { type ReadableComponents, readableVersions } from '../grants/readable.ts'
import { type CommitStores, missing } from './commit-check.ts'

export interface PossessionComponents extends ReadableComponents {
  readonly stores: CommitStores
}

/**
 * Keeps people from naming a manifest of images that they may not read, to have its bytes under a name of their own. They must have
 * put it into this very upload (`put`), prove that they have it, or be allowed to read a version with it. Of removed images and of
 * unfinished uploads of others no version tells any more, and their blocks may still be there. Throws StateError, the same as for
 * a manifest that is nowhere: what there is, is not told.
 */
export async function checkPossession(
  components: PossessionComponents,
  asker: Asker,
  commit: { upload: string; manifest: ManifestId; put: ManifestId | null; proof?: string | undefined },
): Promise<void> {
  const { upload, manifest, put, proof } = commit
  if (put === manifest) return
  const digest = parseManifestId(manifest)
  const [frame] = proof === undefined ? [] : await components.stores.nodes.get([digest])
  if (frame !== undefined && proof === manifestProof(upload, decodeFrame(frame))) return
  if ((await readableVersions(components, asker, manifest)).length > 0) return
  throw missing('the manifest', digest)
}
