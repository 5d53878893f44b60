import type { WireCodec } from '../core/frame.ts'

/** Messages of the exchange (docs/specs/exchange-v1.md). The number is the type byte on the wire. */
export const MESSAGE_TYPES = {
  hello: 1,
  open: 2,
  opened: 3,
  refused: 4,
  renew: 5,
  have: 6,
  want: 7,
  blocks: 8,
  cancel: 9,
  busy: 10,
  failed: 11,
  ask: 12,
  assign: 13,
  wantNode: 14,
  node: 15,
  leave: 16,
  pass: 17,
  denied: 18,
  haveParts: 19,
  wantDigests: 20,
} as const

export type MessageType = keyof typeof MESSAGE_TYPES

/** First message of each side. `credit`: bytes of wanted blocks that the other side may have outstanding here. */
export interface Hello {
  type: 'hello'
  version: number
  credit: number
  agent: string
  /** Compact JWS. */
  pass: string
}

/** A newer pass of the sender. */
export interface NewPass {
  type: 'pass'
  /** Compact JWS. */
  pass: string
}

/** The pass of the other side is not accepted, whatever the reason; nothing follows. */
export interface Denied {
  type: 'denied'
}

/** Asks to take part in the swarm of a manifest. `id` names it in this channel, chosen by the opener. */
export interface Open {
  type: 'open'
  id: number
  manifest: string
  /** Compact JWS. */
  grant: string
}

/** Answer to `open`: the runs that the answering side holds, as a have bitmap of `runs` bits. */
export interface Opened {
  type: 'opened'
  id: number
  runs: number
  have: Uint8Array
}

/** Answer to `open`, the same whatever the reason. */
export interface Refused {
  type: 'refused'
  id: number
}

/** A newer grant for an open swarm. */
export interface Renew {
  type: 'renew'
  id: number
  grant: string
}

/** Runs that the sender holds since its last `have`, `opened` or nothing; `byOpener` tells whose `id` it is. */
export interface Have {
  type: 'have'
  id: number
  byOpener: boolean
  runs: number[]
}

/** Parts of runs that the answering side of a swarm holds, whose other parts it lacks; it replaces what was told of them before. */
export interface HaveParts {
  type: 'haveParts'
  id: number
  runs: number[]
  /** One byte for each run: bit k for part k. */
  parts: Uint8Array
}

/** Asks for the blocks of a run whose bit in `missing` is set (bit i = block i of the run). */
export interface Want {
  type: 'want'
  id: number
  request: number
  run: number
  missing: Uint8Array
  /** Place in TRAFFIC_CLASSES. */
  class: number
  /** Whether the answer may hold a solid frame. */
  solid: boolean
}

/** Asks for blocks by digest, whatever of them the other side holds of the manifest; answered with `blocks`, or `failed` when it has none. */
export interface WantDigests {
  type: 'wantDigests'
  id: number
  request: number
  /** One after the other; the indices of the answer count them. */
  digests: Uint8Array
  /** Place in TRAFFIC_CLASSES. */
  class: number
  solid: boolean
}

export interface BlockEntry {
  /** Index of the block in its run, or in the digests of a `wantDigests`. */
  index: number
  codec: WireCodec
  /** 0 for CODEC_SOLID. */
  storedLength: number
}

/**
 * The answer to `want`: a table, then the frames, in the order of the table, without gaps, then the solid frame if the table has
 * blocks of CODEC_SOLID.
 */
export interface Blocks {
  type: 'blocks'
  request: number
  entries: BlockEntry[]
  /** All frames' bytes; a view of the message. The solid frame is what the table leaves of it. */
  payload: Uint8Array
}

/** Takes back a want that was not answered yet. */
export interface Cancel {
  type: 'cancel'
  request: number
}

/** Not now: the answer to a `want`, `wantNode` or, with its `id`, an `open`; ask somebody else, or again after `retryMs`. */
export interface Busy {
  type: 'busy'
  request: number
  retryMs: number
}

/** The want cannot be served: not held, or outside the grant. */
export interface Failed {
  type: 'failed'
  request: number
}

/** Asks an origin which runs to want from it, `count` at most. `starving`: nobody else can give the asker anything. */
export interface Ask {
  type: 'ask'
  id: number
  request: number
  count: number
  starving: boolean
}

export interface Assign {
  type: 'assign'
  request: number
  runs: number[]
  retryMs: number
}

/** Asks for the manifest or one of its segment nodes. */
export interface WantNode {
  type: 'wantNode'
  id: number
  request: number
  digest: Uint8Array
}

/** Part of the answer to `wantNode`, in order of `offset`; `total` 0 means not held. */
export interface NodePart {
  type: 'node'
  request: number
  total: number
  offset: number
  bytes: Uint8Array
}

/**
 * The end of an open swarm: its opener has lost interest, or the other side needs the place for somebody else. `byOpener` tells whose
 * `id` it is.
 */
export interface Leave {
  type: 'leave'
  id: number
  byOpener: boolean
}

export type Message =
  | Hello
  | Open
  | Opened
  | Refused
  | Renew
  | Have
  | HaveParts
  | Want
  | WantDigests
  | Blocks
  | Cancel
  | Busy
  | Failed
  | Ask
  | Assign
  | WantNode
  | NodePart
  | Leave
  | NewPass
  | Denied
