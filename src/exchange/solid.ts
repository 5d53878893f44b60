import type { Clock } from '../core/clock.ts'
import { CODEC_ZSTD, type Frame, type SolidPacker } from '../core/frame.ts'
import { SOLID_IDLE_SHARE_MIN, SOLID_RATE_MAX_BYTES_S, SOLID_SAMPLE_MS } from '../core/limits.ts'

/** When runs travel as solid frames: where processor time is to spare and the link is slow, always, or never. */
export type SolidMode = 'auto' | 'always' | 'never'

/** What arrives from one peer. */
interface Arrivals {
  readonly wireReceivedBytes: number
}

export interface SolidComponents {
  packer: SolidPacker
  clock: Clock
  /** Share of the machine's cores that have nothing to do. */
  idle: { readonly share: number }
}

interface Sample {
  readonly ms: number
  readonly bytes: number
  readonly bytesPerSecond: number
}

/**
 * Whether answers travel as solid frames (docs/decisions/0012): these are 14 to 18 % smaller than the frames at rest, and cost the sender 11 ms
 * and the receiver 2 ms more of a core for each megabyte of blocks. So both sides must have the time, and the link must be what a fetch
 * waits for.
 */
export class Solid {
  readonly #components: SolidComponents
  readonly #mode: SolidMode
  readonly #samples = new WeakMap<Arrivals, Sample>()

  constructor(components: SolidComponents, init: { mode: SolidMode }) {
    this.#components = components
    this.#mode = init.mode
  }

  /** Whether the next answer of this peer may hold a solid frame. */
  welcome(from: Arrivals): boolean {
    if (this.#mode !== 'auto') return this.#mode === 'always'
    return this.#rateOf(from) < SOLID_RATE_MAX_BYTES_S && this.#hasTime()
  }

  /** The solid frame of these blocks, or undefined when they are to travel as they rest. Errors: IntegrityError. */
  async pack(frames: readonly Frame[]): Promise<Uint8Array | undefined> {
    if (this.#mode === 'never' || frames.length < 2) return undefined
    if (this.#mode === 'auto' && !this.#hasTime()) return undefined
    return await this.#components.packer.packSolid(frames)
  }

  #hasTime(): boolean {
    return this.#components.idle.share >= SOLID_IDLE_SHARE_MIN
  }

  /** Nothing is known of a new peer: it counts as slow. */
  #rateOf(from: Arrivals): number {
    const ms = this.#components.clock.monotonic()
    const bytes = from.wireReceivedBytes
    const before = this.#samples.get(from)
    const elapsedMs = ms - (before?.ms ?? ms)
    if (before !== undefined && elapsedMs < SOLID_SAMPLE_MS) return before.bytesPerSecond
    const bytesPerSecond = before === undefined ? 0 : ((bytes - before.bytes) * 1000) / elapsedMs
    this.#samples.set(from, { ms, bytes, bytesPerSecond })
    return bytesPerSecond
  }
}

/** Frames that gain from being compressed together: the others were not even smaller alone. */
export function isPackable(frame: Frame): boolean {
  return frame.codec === CODEC_ZSTD
}
