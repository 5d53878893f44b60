import type { BootRead } from '../../../src/core/boot-profile.ts'
import type { Clock } from '../../../src/core/clock.ts'
import {
  BOOT_BYTES_MAX,
  BOOT_READ_ALIGNMENT_BYTES,
  BOOT_READS_MAX,
  BOOT_RECORDED_BYTES_MIN,
  BOOT_RECORDING_MS,
} from '../../../src/core/disk-limits.ts'
import type { ByteRange } from '../read-ahead.ts'
import { ByteRanges } from './byte-ranges.ts'

/** What was read so far. */
export interface Recorded {
  readonly reads: readonly BootRead[]
  readonly durationMs: number
}

export interface BootRecorderInit {
  /** Bytes of the disk. */
  readonly size: number
  /** The time is over: `recorded` is what a boot read; undefined when so much was read that it was none. */
  ended(recorded: Recorded | undefined): void
}

/**
 * Records what a machine reads of a disk for the first time: from its first read on for BOOT_RECORDING_MS. Who reads less than BOOT_RECORDED_BYTES_MIN in that time
 * has only looked at the disk: then it begins anew with the next read. Who reads more than BOOT_BYTES_MAX, or most of the disk, copies it.
 */
export class BootRecorder {
  readonly #clock: Clock
  readonly #init: BootRecorderInit
  readonly #bytesMax: number
  #reads: [offset: number, length: number, ms: number][] = []
  #seen = new ByteRanges()
  #beganMs: number | undefined
  #durationMs: number | undefined
  #cancel = () => {}

  constructor(components: { clock: Clock }, init: BootRecorderInit) {
    this.#clock = components.clock
    this.#init = init
    this.#bytesMax = Math.min(BOOT_BYTES_MAX, Math.max(init.size / 2, BOOT_RECORDED_BYTES_MIN))
  }

  /** Whether nothing more is recorded. */
  get ended(): boolean {
    return this.#durationMs !== undefined
  }

  /** What was read so far, as it is now; undefined when that is nothing. May have a few reads more than BOOT_READS_MAX: see `withoutHoles`. */
  get recorded(): Recorded | undefined {
    if (this.#beganMs === undefined || this.#reads.length === 0) return undefined
    const durationMs = this.#durationMs ?? this.#clock.monotonic() - this.#beganMs
    const reads = this.#reads.map(([offset, length, ms]): BootRead => [offset, length, ms])
    return { reads, durationMs: Math.min(BOOT_RECORDING_MS, Math.floor(durationMs)) }
  }

  read({ offset, length }: ByteRange): void {
    if (this.ended || length === 0) return
    const nowMs = this.#clock.monotonic()
    if (this.#beganMs === undefined) {
      this.#beganMs = nowMs
      this.#cancel = this.#clock.after(BOOT_RECORDING_MS, () => this.#timeIsOver())
    }
    const ms = Math.min(BOOT_RECORDING_MS, Math.floor(nowMs - this.#beganMs))
    for (const fresh of this.#seen.add(this.#aligned(offset, length))) this.#add(fresh, ms)
    if (this.#seen.bytes > this.#bytesMax) this.#copied()
    else if (this.#reads.length >= BOOT_READS_MAX) this.#end(this.recorded)
  }

  /** Nothing more is recorded, and nobody is told. */
  stop(): void {
    this.#cancel()
    this.#durationMs ??= this.recorded?.durationMs ?? 0
  }

  #aligned(offset: number, length: number): ByteRange {
    const start = offset - (offset % BOOT_READ_ALIGNMENT_BYTES)
    const pages = Math.ceil((offset + length - start) / BOOT_READ_ALIGNMENT_BYTES)
    return { offset: start, length: Math.min(this.#init.size - start, pages * BOOT_READ_ALIGNMENT_BYTES) }
  }

  /** What follows the read before on the disk is one with it. */
  #add({ offset, length }: ByteRange, ms: number): void {
    const last = this.#reads.at(-1)
    if (last !== undefined && last[0] + last[1] === offset) last[1] += length
    else this.#reads.push([offset, length, ms])
  }

  #timeIsOver(): void {
    if (this.#seen.bytes >= BOOT_RECORDED_BYTES_MIN) return this.#end(this.recorded)
    this.#reads = []
    this.#seen = new ByteRanges()
    this.#beganMs = undefined
  }

  #copied(): void {
    this.#reads = []
    this.#end(undefined)
  }

  #end(recorded: Recorded | undefined): void {
    this.#cancel()
    this.#durationMs = recorded?.durationMs ?? 0
    this.#init.ended(recorded)
  }
}
