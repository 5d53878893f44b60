import type { BlockStore } from '../core/blockstore.ts'
import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'
import { ManifestError, NotFoundError } from '../core/errors.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import { SEGMENT_READER_SEGMENTS_MAX } from '../core/limits.ts'
import type { SegmentLink } from '../core/manifest.ts'
import { blockLengths, decodeSegment, type Run, runsOf, type Segment, segmentSize } from '../core/segment.ts'

/** The blocks of one run: what is wanted, served and verified. */
export interface RunBlocks {
  readonly digests: readonly Digest[]
  /** Uncompressed bytes of each. */
  readonly lengths: readonly number[]
}

interface SegmentRuns {
  readonly digests: readonly Digest[]
  readonly lengths: readonly number[]
  readonly runs: readonly Run[]
}

/** Throws ManifestError unless the segment is what the manifest's link says. */
export function checkSegment(segment: Segment, link: SegmentLink): void {
  if (segmentSize(segment) !== link.size || runsOf(segment).length !== link.runs) {
    throw new ManifestError('segment does not have the size or the runs that the manifest gives')
  }
}

/** Hears of every segment that was read from the store, or has just come into it, with the digests of its blocks in order. */
export type SegmentListener = (key: DigestKey, digests: readonly Digest[]) => void

/** Reads segment nodes from the local store; keeps the last few decoded. */
export class SegmentReader {
  readonly #nodes: BlockStore
  readonly #recent = new Map<DigestKey, SegmentRuns>()
  #listener: SegmentListener = () => {}

  constructor(components: { nodes: BlockStore }) {
    this.#nodes = components.nodes
  }

  /** For one listener. */
  listen(listener: SegmentListener): void {
    this.#listener = listener
  }

  /** Which of these segments are in the store. Errors: those of the store. */
  async held(links: readonly SegmentLink[]): Promise<boolean[]> {
    return await this.#nodes.has(links.map(({ digest }) => digest))
  }

  /** Digests of the blocks of a segment, in order. Errors as `runs`. */
  async digests(link: SegmentLink): Promise<readonly Digest[]> {
    return (await this.#segment(link)).digests
  }

  /** The runs of a segment. Errors: NotFoundError when the node is not here, ManifestError when it is wrong. */
  async runs(link: SegmentLink): Promise<RunBlocks[]> {
    const segment = await this.#segment(link)
    return segment.runs.map((run) => slice(segment, run))
  }

  /** The blocks of one run of a segment. Errors as `runs`; NotFoundError past the last run. */
  async run(link: SegmentLink, index: number): Promise<RunBlocks> {
    const segment = await this.#segment(link)
    const run = segment.runs[index]
    if (run === undefined) throw new NotFoundError('no such run')
    return slice(segment, run)
  }

  /** A segment that was just decoded and checked, and is in the store: it is asked for next. */
  keep({ digest }: SegmentLink, segment: Segment): void {
    const key = digestKey(digest)
    if (!this.#recent.has(key)) this.#remember(key, segmentRuns(segment))
  }

  async #segment(link: SegmentLink): Promise<SegmentRuns> {
    const key = digestKey(link.digest)
    const known = this.#recent.get(key)
    if (known !== undefined) {
      this.#recent.delete(key)
      this.#recent.set(key, known)
      return known
    }
    const [frame] = await this.#nodes.get([link.digest])
    if (frame === undefined) throw new NotFoundError('segment is not here')
    const segment = decodeSegment(decodeFrame(frame))
    checkSegment(segment, link)
    const runs = segmentRuns(segment)
    this.#remember(key, runs)
    return runs
  }

  #remember(key: DigestKey, runs: SegmentRuns): void {
    this.#recent.set(key, runs)
    this.#listener(key, runs.digests)
    if (this.#recent.size <= SEGMENT_READER_SEGMENTS_MAX) return
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest)
      return
    }
  }
}

function segmentRuns(segment: Segment): SegmentRuns {
  return { digests: segment.digests, lengths: blockLengths(segment), runs: runsOf(segment) }
}

function slice(segment: SegmentRuns, run: Run): RunBlocks {
  return {
    digests: segment.digests.slice(run.first, run.first + run.count),
    lengths: segment.lengths.slice(run.first, run.first + run.count),
  }
}
