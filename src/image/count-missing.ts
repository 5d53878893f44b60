import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import type { Manifest } from '../core/manifest.ts'
import { walkManifest } from './manifest-walk.ts'

export interface CountComponents {
  readonly blocks: Pick<BlockStore, 'has'>
  readonly nodes: Pick<BlockStore, 'get'>
}

/** How many blocks of an image a store lacks, those counted twice that come twice. Errors: as `walkManifest`. */
export async function countMissing(
  { blocks, nodes }: CountComponents,
  manifest: Manifest,
  options: CallOptions = {},
): Promise<number> {
  let missing = 0
  for await (const { segment } of walkManifest(nodes, { manifest }, options)) {
    if (segment.digests.length === 0) continue
    for (const held of await blocks.has(segment.digests, options)) if (!held) missing++
  }
  return missing
}
