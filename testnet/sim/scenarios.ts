import type { Manners } from './uploads.ts'

/** Something that happens at a share of the bound. */
export type Incident =
  | { readonly at: number; readonly kind: 'nodes die'; readonly share: number }
  | { readonly at: number; readonly kind: 'tracker dies' }
  | { readonly at: number; readonly kind: 'rack cut off'; readonly rack: number }
  | { readonly at: number; readonly kind: 'rack healed'; readonly rack: number }

/**
 * One more node that is not like the others; figures are those of the others. `claims`: it fetches nothing and tells from the start that it
 * holds it; `stopsAt`: from that share of the bound on nothing comes from it, and it takes nothing.
 */
export type Odd =
  | { readonly manners: Manners; readonly claims?: 'everything' }
  | { readonly rateShare: number }
  | { readonly floods: true }
  | { readonly stopsAt: number }

/** Figures that a goal may be about; times are those of nodes over the bound, each from its own start. */
export type Measure =
  | 'p99'
  | 'last'
  /** The last node over that of the same seed without the incident or the odd node. */
  | 'lastOverPlain'
  /** The slowest of the late nodes over the time of the image at the rate of its link. */
  | 'lateLast'
  | 'originCopies'
  | 'duplicateShare'
  | 'crossRackCopies'
  | 'unfinished'
  | 'trackerRequests'

export interface Goal {
  readonly measure: Measure
  readonly atMost: number
}

export interface Scenario {
  readonly summary: string
  readonly nodes: number
  readonly sizeBytes: number
  readonly rateBitsPerSecond: number
  /** The uplink of each has a quarter of the sum of the rates in it. */
  readonly racks?: number
  /** Nodes that hold the image before. */
  readonly complete?: number
  /** Nodes that start when nine tenths of the others are complete. */
  readonly late?: number
  /** All start evenly spread over so many bounds; without it together. */
  readonly staggered?: number
  readonly incidents?: readonly Incident[]
  readonly odd?: Odd
  readonly goals: readonly Goal[]
}

const GB = 1e9
const MiB = 1024 * 1024
const GBIT = 1e9
const MBIT = 1e6
const SMALL = { nodes: 200, sizeBytes: 256 * MiB, rateBitsPerSecond: 100 * MBIT }

const all: Goal = { measure: 'unfinished', atMost: 0 }
const thrift: readonly Goal[] = [all, { measure: 'duplicateShare', atMost: 0.01 }]
const within = (atMost: number): readonly Goal[] => [...thrift, { measure: 'lastOverPlain', atMost }]

/** What is simulated by name, and what must come out. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  steady: {
    summary: '1,000 nodes pull 15 GB at once',
    nodes: 1000,
    sizeBytes: 15 * GB,
    rateBitsPerSecond: GBIT,
    goals: [...thrift, { measure: 'p99', atMost: 1.15 }, { measure: 'originCopies', atMost: 1.1 }],
  },
  'ten-thousand': {
    summary: '10,000 nodes pull 15 GB at once',
    nodes: 10_000,
    sizeBytes: 15 * GB,
    rateBitsPerSecond: GBIT,
    goals: [...thrift, { measure: 'p99', atMost: 1.2 }, { measure: 'originCopies', atMost: 1.1 }],
  },
  small: {
    summary: '200 nodes pull 256 MiB at once',
    ...SMALL,
    goals: [...thrift, { measure: 'p99', atMost: 1.15 }, { measure: 'originCopies', atMost: 1.1 }],
  },
  'two-racks': {
    summary: 'two racks, each with an uplink of a quarter of the sum',
    ...SMALL,
    racks: 2,
    goals: [...thrift, { measure: 'p99', atMost: 1.2 }, { measure: 'crossRackCopies', atMost: 1.5 }],
  },
  'many-racks': {
    summary: 'ten racks, each with an uplink of a quarter of the sum',
    ...SMALL,
    racks: 10,
    goals: [...thrift, { measure: 'p99', atMost: 1.2 }, { measure: 'crossRackCopies', atMost: 1.5 }],
  },
  'nodes-die': {
    summary: '30 % of the nodes die in the middle',
    ...SMALL,
    incidents: [{ at: 0.5, kind: 'nodes die', share: 0.3 }],
    goals: [...within(1.25), { measure: 'originCopies', atMost: 1.3 }],
  },
  'tracker-dies': {
    summary: 'tracker and origin die at 20 %; one node had the image before',
    ...SMALL,
    complete: 1,
    incidents: [{ at: 0.2, kind: 'tracker dies' }],
    goals: [all],
  },
  'rack-cut': {
    summary: 'one of two racks is cut off at 30 % and healed at 60 %',
    ...SMALL,
    racks: 2,
    incidents: [
      { at: 0.3, kind: 'rack cut off', rack: 1 },
      { at: 0.6, kind: 'rack healed', rack: 1 },
    ],
    goals: [all],
  },
  slow: { summary: 'one node at 1 % of the rate', ...SMALL, odd: { rateShare: 0.01 }, goals: within(1.1) },
  silent: { summary: 'one node never answers', ...SMALL, odd: { manners: 'silent' }, goals: within(1.1) },
  stopped: {
    summary: 'one node stops at 30 %: it answers nothing, and its connections stay',
    ...SMALL,
    odd: { stopsAt: 0.3 },
    goals: within(1.1),
  },
  lying: {
    summary: 'one node tells that it holds everything',
    ...SMALL,
    odd: { manners: 'lying' },
    goals: within(1.1),
  },
  corrupt: {
    summary: 'one node sends wrong bytes',
    ...SMALL,
    odd: { manners: 'corrupt' },
    goals: within(1.1),
  },
  'lying-from-start': {
    summary: 'one node fetches nothing and tells that it holds everything',
    ...SMALL,
    odd: { manners: 'lying', claims: 'everything' },
    goals: within(1.1),
  },
  'corrupt-from-start': {
    summary: 'one node holds everything and sends wrong bytes',
    ...SMALL,
    odd: { manners: 'corrupt', claims: 'everything' },
    goals: within(1.1),
  },
  flood: {
    summary: 'one node floods all others with wants',
    ...SMALL,
    odd: { floods: true },
    goals: within(1.1),
  },
  late: {
    summary: '50 nodes start while the swarm is nearly done',
    ...SMALL,
    late: 50,
    goals: [...thrift, { measure: 'lateLast', atMost: 1.25 }],
  },
  staggered: {
    summary: 'nodes start one after the other within the time of one copy',
    ...SMALL,
    staggered: 1,
    goals: [...thrift, { measure: 'p99', atMost: 1.25 }, { measure: 'originCopies', atMost: 1.3 }],
  },
}
