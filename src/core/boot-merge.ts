import {
  count,
  edgesOf,
  inOrderOfPages,
  isEnd,
  PAGE_UNIT,
  pageOf,
  place,
  type SortedEdges,
  startPlaces,
  timeOf,
} from './boot-edges.ts'
import type { BootRead } from './boot-profile.ts'
import {
  BOOT_BYTES_MAX,
  BOOT_READ_ALIGNMENT_BYTES,
  BOOT_READS_MAX,
  BOOT_RECORDING_MS,
} from './disk-limits.ts'

/**
 * The reads that at least half of the recordings have (of one or two: all), each at the lower median of the times at which these have it, in that order. What
 * follows itself both on the disk and in time is one read. Ends where a profile is full: what is read last is left out. Every recording has passed
 * `checkReads` for the same disk; their order does not matter. Takes time with reads × recordings, in flat arrays: whoever merges has others waiting.
 */
export function mergeRecordings(recordings: readonly (readonly BootRead[])[]): BootRead[] {
  const edges = edgesOf(recordings)
  const pieces = commonPieces(inOrderOfPages(edges), recordings.length)
  return joined(pieces, inOrderOfTime(pieces), edges.diskEnd)
}

/** Parts of the disk that belong into a profile, in the order of the disk. */
interface Pieces {
  /** Of each an edge: where it begins, and when it is read. */
  readonly begins: Float64Array
  /** Pages. */
  readonly ends: Float64Array
  readonly count: number
}

/** Goes through the disk from edge to edge: what lies between where at least half of the recordings have it. Writes over edges that it is done with: there are fewer pieces. */
function commonPieces({ edges, free: ends }: SortedEdges, recordings: number): Pieces {
  const needed = Math.ceil(recordings / 2)
  const active = new Times(2 * recordings)
  let count = 0
  let last = -1
  let begin = 0
  for (let i = 0; i < edges.length; i++) {
    const edge = edges[i] ?? 0
    const page = pageOf(edge)
    if (page > begin) {
      if (active.count >= needed) {
        const ms = active.lowerMedian
        // Neighbours that are read at the same time are one.
        if (ms !== last || ends[count - 1] !== begin) edges[count++] = begin * PAGE_UNIT + 2 * ms
        ends[count - 1] = page
        last = ms
      }
      begin = page
    }
    if (isEnd(edge)) active.remove(timeOf(edge))
    else active.add(timeOf(edge))
  }
  return { begins: edges, ends, count }
}

/** When the recordings that have a part of the disk read it, in order: a few. */
class Times {
  readonly #sorted: Int32Array
  count = 0

  constructor(countMax: number) {
    this.#sorted = new Int32Array(countMax)
  }

  get lowerMedian(): number {
    return this.#sorted[(this.count - 1) >> 1] ?? 0
  }

  add(ms: number): void {
    const sorted = this.#sorted
    let at = this.count++
    for (; at > 0 && (sorted[at - 1] ?? 0) > ms; at--) sorted[at] = sorted[at - 1] ?? 0
    sorted[at] = ms
  }

  /** One that was added. */
  remove(ms: number): void {
    const sorted = this.#sorted
    let at = --this.count
    for (let moved = sorted[at] ?? 0; moved !== ms && at > 0; ) {
      const next = sorted[--at] ?? 0
      sorted[at] = moved
      moved = next
    }
  }
}

/** Places of pieces in the order of their times; those of the same time as they lie on the disk. */
function inOrderOfTime({ begins, count: all }: Pieces): Uint32Array {
  const places = new Uint32Array(BOOT_RECORDING_MS + 1)
  for (let i = 0; i < all; i++) count(places, timeOf(begins[i] ?? 0))
  startPlaces(places)
  const order = new Uint32Array(all)
  for (let i = 0; i < all; i++) order[place(places, timeOf(begins[i] ?? 0))] = i
  return order
}

/** What follows itself on the disk and in the order is one read. Ends with the last read that a profile has room for. */
function joined({ begins, ends }: Pieces, order: Uint32Array, diskEnd: number): BootRead[] {
  const reads: BootRead[] = []
  let bytes = 0
  for (let at = 0; at < order.length && reads.length < BOOT_READS_MAX; ) {
    const first = order[at++] ?? 0
    const begin = begins[first] ?? 0
    let end = ends[first] ?? 0
    for (; at < order.length && pageOf(begins[order[at] ?? 0] ?? 0) === end; at++)
      end = ends[order[at] ?? 0] ?? 0
    const offset = pageOf(begin) * BOOT_READ_ALIGNMENT_BYTES
    const length = Math.min(end * BOOT_READ_ALIGNMENT_BYTES, diskEnd) - offset
    bytes += length
    if (bytes > BOOT_BYTES_MAX) break
    reads.push([offset, length, timeOf(begin)])
  }
  return reads
}
