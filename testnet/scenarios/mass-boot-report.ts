import { type Column, formatTable } from '../../src/cli/table.ts'
import { formatBytes } from '../../src/cli/units.ts'
import type { BuiltImage, ImagePair } from '../images/images.ts'
import type { NodeOutcome, Round } from './round.ts'

/** Figures of one round. Wire bytes are those of frames: blocks as they travel, compressed. */
export interface RoundFigures {
  /** Nodes whose export is the source byte for byte. */
  readonly verified: number
  /** From the first request until the last node was complete. */
  readonly seconds: number
  readonly pushSeconds: number
  /** Size of the image, holes included. */
  readonly imageBytes: number
  /** Wire bytes that a node needed, on average: one copy. */
  readonly wireBytes: number
  /** Wire bytes that all nodes received together. */
  readonly wireBytesTotal: number
  /** Bytes that the tracker's peer sent by its own count: frames and nodes, what was thrown away included. */
  readonly originEgressBytes: number
  /** The same in copies. */
  readonly originEgressCopies: number
  /** Wire bytes from the tracker's peer that nodes accepted. */
  readonly originAcceptedBytes: number
  /** Share of all wire bytes that came from other nodes. */
  readonly peerShare: number
  /** Uncompressed bytes of the blocks that a node fetched, on average. */
  readonly newBytes: number
  /** `newBytes` as a share of the image's bytes that are not zero. */
  readonly newBytesShare: number
  /** What perfect 4 KiB deduplication would have fetched. */
  readonly perfectNewBytes: number
  /** `newBytes` over `perfectNewBytes`. */
  readonly ofPerfect: number
  readonly peakResidentBytes: number | null
}

/** The JSON answer of the scenario. The figures at the top are those of the first image. */
export interface MassBootResult extends RoundFigures {
  readonly scenario: 'mass-boot'
  readonly nodes: number
  readonly seed: number
  readonly change: string
  readonly update: RoundFigures
}

export function figuresOf(round: Round, image: BuiltImage): RoundFigures {
  const pulls = round.nodes.map((node) => node.pull.bytes)
  const sum = (of: (bytes: (typeof pulls)[number]) => number) => pulls.reduce((total, b) => total + of(b), 0)
  const count = Math.max(1, pulls.length)
  const origin = sum((b) => b.wireFromOrigin)
  const peers = sum((b) => b.wireFromPeers)
  const copy = (origin + peers - sum((b) => b.duplicate)) / count
  const newBytes = sum((b) => b.fetchedUncompressed) / count
  const peaks = round.nodes.flatMap((node) => node.peakResidentBytes ?? [])
  return {
    verified: round.nodes.filter((node) => node.differsAt === undefined).length,
    seconds: decimals(round.seconds),
    pushSeconds: decimals(round.pushSeconds),
    imageBytes: image.sizeBytes,
    wireBytes: Math.round(copy),
    wireBytesTotal: origin + peers,
    originEgressBytes: round.originSentBytes,
    originEgressCopies: decimals(ratio(round.originSentBytes, copy)),
    originAcceptedBytes: origin,
    peerShare: decimals(ratio(peers, origin + peers)),
    newBytes: Math.round(newBytes),
    newBytesShare: decimals(ratio(newBytes, image.pages.nonZeroBytes), 4),
    perfectNewBytes: image.pages.newBytes,
    ofPerfect: decimals(ratio(newBytes, image.pages.newBytes)),
    peakResidentBytes: peaks.length === 0 ? null : Math.max(...peaks),
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function decimals(value: number, digits = 3): number {
  return Number(value.toFixed(digits))
}

export function resultOf(init: {
  rounds: readonly [Round, Round]
  images: ImagePair
  seed: number
}): MassBootResult {
  const [first, second] = init.rounds
  return {
    scenario: 'mass-boot',
    nodes: first.nodes.length,
    ...figuresOf(first, init.images.first),
    seed: init.seed,
    change: init.images.change,
    update: figuresOf(second, init.images.second),
  }
}

const percent = (part: number, whole: number) => `${(100 * ratio(part, whole)).toFixed(1)} %`

const COLUMNS: readonly Column<NodeOutcome>[] = [
  { title: 'node', cell: (node) => node.name },
  { title: 'seconds', right: true, cell: (node) => node.pull.seconds.toFixed(2) },
  { title: 'from origin', right: true, cell: (node) => formatBytes(node.pull.bytes.wireFromOrigin) },
  { title: 'from peers', right: true, cell: (node) => formatBytes(node.pull.bytes.wireFromPeers) },
  { title: 'commonality', right: true, cell: ({ pull }) => percent(pull.bytes.local, pull.bytes.image) },
  { title: 'peak memory', right: true, cell: (node) => memoryText(node.peakResidentBytes) },
  { title: 'result', cell: (node) => verdict(node.differsAt) },
]

function verdict(differsAt: number | undefined): string {
  return differsAt === undefined ? 'identical' : `DIFFERS at byte ${differsAt}`
}

function memoryText(bytes: number | undefined): string {
  return bytes === undefined ? '' : formatBytes(bytes)
}

/** What happened in one round, for people. */
export function roundText(round: Round, image: BuiltImage): string {
  const figures = figuresOf(round, image)
  const { pages } = image
  const dedup =
    pages.newBytes === pages.uniqueBytes
      ? ''
      : ` New blocks: ${formatBytes(figures.newBytes)} a node (${percent(figures.newBytes, pages.nonZeroBytes)} of the data), ${figures.ofPerfect.toFixed(3)} of perfect 4 KiB deduplication.`
  return [
    `${round.reference}: ${formatBytes(image.sizeBytes)} with ${formatBytes(pages.nonZeroBytes)} of data, pushed in ${figures.pushSeconds.toFixed(2)} s`,
    formatTable(COLUMNS, round.nodes),
    `All ${round.nodes.length} nodes complete after ${figures.seconds.toFixed(2)} s; ${figures.verified} verified. One copy is ${formatBytes(figures.wireBytes)} on the wire;` +
      ` the origin uploaded ${figures.originEgressCopies.toFixed(2)} copies, peers gave ${(figures.peerShare * 100).toFixed(1)} %.${dedup}`,
    '',
  ].join('\n')
}
