import type { BootRead } from './boot-profile.ts'
import { BOOT_BYTES_MAX, BOOT_READS_MAX } from './disk-limits.ts'

/**
 * The reads that at least half of the recordings have (of one or two: all), each at the lower median of the times at which these have it, in that order. What
 * follows itself both on the disk and in time is one read. Ends where a profile is full: what is read last is left out. Every recording has passed
 * `checkReads`; their order does not matter. Takes time with reads × recordings.
 */
export function mergeRecordings(recordings: readonly (readonly BootRead[])[]): BootRead[] {
  const needed = Math.ceil(recordings.length / 2)
  const common: BootRead[] = []
  for (const { start, end, times } of stretchesOf(recordings)) {
    if (times.length < needed) continue
    const ms = times.sort((one, other) => one - other)[(times.length - 1) >> 1] ?? 0
    append(common, [start, end - start, ms])
  }
  common.sort((one, other) => one[2] - other[2] || one[0] - other[0])
  return withinBounds(joined(common))
}

/** A stretch of the disk that certain recordings have whole and the others not at all. */
interface Stretch {
  readonly start: number
  readonly end: number
  /** When those that have it read it. Used again for the next. */
  readonly times: number[]
}

/** The disk from its first read on, cut wherever a read of any recording begins or ends. */
function* stretchesOf(recordings: readonly (readonly BootRead[])[]): Generator<Stretch> {
  const cursors = recordings.map((reads) => ({
    sorted: [...reads].sort((one, other) => one[0] - other[0]),
    next: 0,
  }))
  const times: number[] = []
  for (let start = 0, end = 0; ; start = end) {
    times.length = 0
    end = Number.POSITIVE_INFINITY
    for (const cursor of cursors) {
      let read = cursor.sorted[cursor.next]
      if (read !== undefined && read[0] + read[1] <= start) read = cursor.sorted[++cursor.next]
      if (read === undefined) continue
      const [offset, length, ms] = read
      const begun = offset <= start
      if (begun) times.push(ms)
      end = Math.min(end, begun ? offset + length : offset)
    }
    if (end === Number.POSITIVE_INFINITY) return
    if (times.length > 0) yield { start, end, times }
  }
}

/** Neighbours on the disk that were read at the same time are one. */
function append(reads: BootRead[], read: BootRead): void {
  const last = reads.at(-1)
  if (last !== undefined && last[0] + last[1] === read[0] && last[2] === read[2])
    reads[reads.length - 1] = [last[0], last[1] + read[1], last[2]]
  else reads.push(read)
}

function joined(reads: readonly BootRead[]): BootRead[] {
  const all: BootRead[] = []
  for (const read of reads) {
    const last = all.at(-1)
    if (last !== undefined && last[0] + last[1] === read[0])
      all[all.length - 1] = [last[0], last[1] + read[1], last[2]]
    else all.push(read)
  }
  return all
}

function withinBounds(reads: readonly BootRead[]): BootRead[] {
  let bytes = 0
  let count = 0
  for (const [, length] of reads) {
    if (count === BOOT_READS_MAX || bytes + length > BOOT_BYTES_MAX) break
    bytes += length
    count++
  }
  return reads.slice(0, count)
}
