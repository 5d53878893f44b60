import type { Nearness } from '../../core/nearness.ts'
import { Pace } from './pace.ts'
import type { Units } from './units.ts'

/** What the policy knows of one neighbour. Made and changed by it alone; the I/O around it keeps it and hands it back. */
export class FetchPeer {
  readonly key: string
  readonly origin: boolean
  /** Only may have its units. */
  readonly related: boolean
  readonly nearness: Nearness
  readonly pace = new Pace()
  /** Units that it holds; empty for an origin, which holds everything and decides itself. */
  readonly units: Units
  /** Uncompressed bytes that may be wanted and not yet have arrived: one run at least. */
  readonly flightBytesMax: number
  /** Those that may be by its measured rate, and no more; the chooser sets it, a whole number. */
  depthBytes = 0
  /** Uncompressed bytes wanted that have not arrived. */
  flightBytes = 0
  /** Missing units that it holds. */
  interest = 0
  /** It is to be left alone until `pausedUntilMs`; false again some time after that. */
  paused = false
  pausedUntilMs = 0
  /** Wants in a row that it did not give. */
  misses = 0
  /** Runs that an origin told us to want, in this order. */
  assigned: number[] = []
  /** An ask is under way. */
  asking = false
  askAfterMs = Number.NEGATIVE_INFINITY
  present = true

  constructor(init: {
    key: string
    origin: boolean
    related?: boolean | undefined
    nearness: Nearness
    units: Units
    flightBytesMax: number
  }) {
    this.key = init.key
    this.origin = init.origin
    this.related = init.related === true
    this.nearness = init.nearness
    this.units = init.units
    this.flightBytesMax = init.flightBytesMax
  }
}
