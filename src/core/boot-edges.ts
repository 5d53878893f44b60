import { BOOT_READ_ALIGNMENT_BYTES } from './disk-limits.ts'

/** An edge is page × PAGE_UNIT + 2 × milliseconds, and one more where a read ends: one number, of which half a million are sorted. Exact for pages of 128 TiB. */
export const PAGE_UNIT = 2 ** 18
/** Values of a digit of pages; two digits are a disk of 64 GiB. */
const RADIX = 4096

/** As BootRead. */
type Read = readonly [offset: number, length: number, ms: number]

export function pageOf(edge: number): number {
  return Math.floor(edge / PAGE_UNIT)
}

export function timeOf(edge: number): number {
  return (edge & (PAGE_UNIT - 1)) >> 1
}

export function isEnd(edge: number): boolean {
  return (edge & 1) === 1
}

/** The first page that two of these reads have; undefined without any. */
export function firstTwice(reads: readonly Read[]): number | undefined {
  const { edges } = inOrderOfPages(edgesOf([reads]))
  let page = 0
  let active = 0
  for (let i = 0; i < edges.length; i++) {
    const edge = edges[i] ?? 0
    if (pageOf(edge) !== page && active > 1) return page
    page = pageOf(edge)
    active += isEnd(edge) ? -1 : 1
  }
  return undefined
}

/** Where reads begin and end. */
export interface Edges {
  readonly edges: Float64Array
  /** Bytes: the end of the last read on the disk, which may lie within a page. */
  readonly diskEnd: number
}

/** Of any recordings of one disk. */
export function edgesOf(recordings: readonly (readonly Read[])[]): Edges {
  const edges = new Float64Array(2 * recordings.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  let diskEnd = 0
  for (const reads of recordings)
    for (let i = 0; i < reads.length; i++) {
      const read = reads[i]
      if (read === undefined) continue
      const end = read[0] + read[1]
      const time = 2 * read[2]
      edges[at++] = (read[0] / BOOT_READ_ALIGNMENT_BYTES) * PAGE_UNIT + time
      edges[at++] = Math.ceil(end / BOOT_READ_ALIGNMENT_BYTES) * PAGE_UNIT + time + 1
      if (end > diskEnd) diskEnd = end
    }
  return { edges, diskEnd }
}

export interface SortedEdges {
  readonly edges: Float64Array
  /** Memory of the same length that is not used any more. */
  readonly free: Float64Array
}

/** Sorted by one digit of their pages after the other, the last one first. Uses the memory of what it is given. */
export function inOrderOfPages({ edges, diskEnd }: Edges): SortedEdges {
  let from: Float64Array = edges
  let to: Float64Array = new Float64Array(edges.length)
  const last = (diskEnd / BOOT_READ_ALIGNMENT_BYTES + 1) * PAGE_UNIT
  for (let unit = PAGE_UNIT; unit <= last; unit *= RADIX) {
    const scale = 1 / unit
    const places = new Uint32Array(RADIX)
    for (let i = 0; i < from.length; i++) count(places, ((from[i] ?? 0) * scale) & (RADIX - 1))
    startPlaces(places)
    for (let i = 0; i < from.length; i++) {
      const edge = from[i] ?? 0
      to[place(places, (edge * scale) & (RADIX - 1))] = edge
    }
    const free = from
    from = to
    to = free
  }
  return { edges: from, free: to }
}

export function count(counts: Uint32Array, key: number): void {
  counts[key] = (counts[key] ?? 0) + 1
}

/** From how many there are of each key to where the first of each goes. */
export function startPlaces(counts: Uint32Array): void {
  let sum = 0
  for (let key = 0; key < counts.length; key++) {
    const before = sum
    sum += counts[key] ?? 0
    counts[key] = before
  }
}

/** Where the next one of a key goes. */
export function place(places: Uint32Array, key: number): number {
  const at = places[key] ?? 0
  places[key] = at + 1
  return at
}
