import type { BlockStore } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'
import { IntegrityError } from '../core/errors.ts'
import { isBlock } from '../core/frame-codec.ts'

/** Takes those of these blocks out of the store that turn out damaged when each is read on its own, so that they are fetched again. Returns how many. Errors: those of the store. */
export async function forgetDamaged(
  blocks: Pick<BlockStore, 'get' | 'delete'>,
  digests: readonly Digest[],
): Promise<number> {
  const damaged: Digest[] = []
  for (const digest of digests) if (await isDamaged(blocks, digest)) damaged.push(digest)
  if (damaged.length > 0) await blocks.delete(damaged)
  return damaged.length
}

async function isDamaged(blocks: Pick<BlockStore, 'get'>, digest: Digest): Promise<boolean> {
  try {
    const [frame] = await blocks.get([digest])
    return frame !== undefined && !isBlock(frame)
  } catch (error) {
    if (error instanceof IntegrityError) return true
    throw error
  }
}
