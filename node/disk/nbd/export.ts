/** Zero bytes that are stored nowhere. */
export interface ZeroSpan {
  readonly zeros: number
}

/** Part of what was read: bytes, which nobody changes until they are sent, or a span of zeros. */
export type Piece = Uint8Array | ZeroSpan

/** What was read, in order. Whoever has it calls `release`, where there is one, when nobody reads the bytes any more: they are overwritten then. Without that they are left to the collector. */
export type Pieces = readonly Piece[] & { readonly release?: () => void }

/** What can be asked about ranges: where there is data, and what of it is local. */
export type ExtentContext = 'allocation' | 'cached'

/** Flags of an extent in the context `allocation`, as `base:allocation` of the NBD protocol has them. */
export const ALLOCATION = { hole: 1, zero: 2 } as const
/** Flag of an extent in the context `cached`. */
export const CACHED = { local: 1 } as const

export interface Extent {
  /** Bytes; not 0. */
  readonly length: number
  readonly flags: number
}

export interface ExtentRange {
  readonly offset: number
  readonly length: number
  /** Extents that are wanted; what is beyond them is thrown away. */
  readonly extentsMax: number
}

/** Of every call. `signal` is aborted when nobody waits for the answer any more; it is the same for all calls of a connection. */
export interface ExportOptions {
  readonly signal: AbortSignal
}

/**
 * A read-only disk as NBD serves it. Offsets and lengths are bytes; every range that is asked for lies within `size`, and is not empty. What can be answered
 * at once is answered without a promise. Any error is the client's EIO, with the message of a BootswarmError.
 */
export interface NbdExport {
  /** As clients name it: UTF-8 of at most 4,096 bytes, not empty. */
  readonly name: string
  /** For people. */
  readonly description: string
  /** Bytes; does not change. */
  readonly size: number
  /** Pieces in order, of `length` bytes together. */
  read(offset: number, length: number, options: ExportOptions): Pieces | Promise<Pieces>
  /** Extents in order from `offset`, one at least; they may end before the range does. */
  extents(
    context: ExtentContext,
    range: ExtentRange,
    options: ExportOptions,
  ): readonly Extent[] | Promise<readonly Extent[]>
  /** Resolves when the range is local. */
  prefetch(offset: number, length: number, options: ExportOptions): void | Promise<void>
}

/** The disks that are offered now; the first is the one for clients that name none. */
export type NbdExports = () => readonly NbdExport[]
