import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'
import { AbortedError, IntegrityError, NotFoundError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import type { ImagePiece, Part } from './image-pieces.ts'

/** Opens frames: inflates and verifies them. `FramePool` of the store is one, `ImageWorkers` another. */
export interface FrameOpener {
  /** The blocks, in order. Throws IntegrityError when a frame is not the block that its digest names. */
  inflate(frames: readonly Frame[], options?: CallOptions): Promise<Uint8Array[]>
}

export interface OpenedPart {
  readonly offset: number
  readonly length: number
  /** Undefined: zeros. */
  readonly bytes: Uint8Array | undefined
}

export interface PieceComponents {
  readonly blocks: Pick<BlockStore, 'get'>
  readonly opener: FrameOpener
}

/**
 * Fetches, inflates and verifies the blocks of a piece. Errors: NotFoundError with `data.missing`, IntegrityError, AbortedError,
 * what the store throws.
 */
export async function openPiece(
  { blocks, opener }: PieceComponents,
  piece: ImagePiece,
  options: CallOptions,
): Promise<OpenedPart[]> {
  if (options.signal?.aborted) throw new AbortedError('reading was stopped', { cause: options.signal.reason })
  const wanted = piece.filter((part): part is Part & { digest: Digest } => part.digest !== undefined)
  const frames =
    wanted.length === 0
      ? []
      : await blocks.get(
          wanted.map(({ digest }) => digest),
          options,
        )
  const missing = wanted.filter((_, i) => frames[i] === undefined).length
  if (missing > 0) throw missingBlocks(missing)
  const found = frames.filter((frame) => frame !== undefined)
  if (found.some((frame, i) => frame.length !== wanted[i]?.length)) {
    throw new IntegrityError('a block is not of the length that the manifest gives')
  }
  const opened = found.length === 0 ? [] : await opener.inflate(found, options)
  let block = 0
  return piece.map(({ offset, length, digest }) => {
    return { offset, length, bytes: digest === undefined ? undefined : opened[block++] }
  })
}

export function missingBlocks(missing: number): NotFoundError {
  return new NotFoundError(`${missing} blocks of the image are not here`, { data: { missing } })
}
