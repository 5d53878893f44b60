import { NBD_EXTENTS_MAX } from '../../../src/core/disk-limits.ts'
import { InternalError } from '../../../src/core/errors.ts'
import type { MetaContext } from './contexts.ts'
import type { Extent } from './export.ts'
import type { Outbox } from './outbox.ts'
import { statusChunk } from './replies.ts'
import type { NbdRequest } from './requests.ts'
import { COMMAND_FLAG } from './wire.ts'

/** An extent on the wire: its length and its flags. */
const EXTENT_BYTES = 8

/** Extents of one context. */
export interface ContextExtents {
  readonly context: MetaContext
  readonly extents: readonly Extent[]
}

/** How many extents a client wants of a range. */
export function extentsWanted({ flags }: NbdRequest): number {
  return (flags & COMMAND_FLAG.reqOne) !== 0 ? 1 : NBD_EXTENTS_MAX
}

/** Bytes of the extents in an answer about so many contexts, at most: each is of one byte of the range at least. */
export function statusBytesMax(request: NbdRequest, contexts: number): number {
  return contexts * EXTENT_BYTES * Math.min(extentsWanted(request), request.length)
}

/** Answers BLOCK_STATUS. Throws InternalError, before anything is written, when there is an extent without bytes, or none. */
export function statusReply(outbox: Outbox, request: NbdRequest, answers: readonly ContextExtents[]): void {
  const chunks = answers.map(({ context, extents }) => ({
    contextId: context.id,
    extents: within(extents, request),
  }))
  for (const [i, chunk] of chunks.entries()) {
    statusChunk(outbox, request, { ...chunk, isLast: i === chunks.length - 1 })
  }
}

/** Neighbours that say the same as one, not past the end of the range, and not more than fit. */
function within(extents: readonly Extent[], request: NbdRequest): Extent[] {
  const result: Extent[] = []
  let left = request.length
  for (const extent of extents) {
    if (left === 0) break
    if (!(extent.length > 0)) throw new InternalError('a disk has an extent without bytes')
    const length = Math.min(extent.length, left)
    const last = result.at(-1)
    if (last?.flags === extent.flags) {
      result[result.length - 1] = { flags: last.flags, length: last.length + length }
    } else if (result.length === extentsWanted(request)) break
    else result.push({ flags: extent.flags, length })
    left -= length
  }
  if (result.length === 0) throw new InternalError('a disk has no extent where there are bytes')
  return result
}
