import type { Clock } from '../../src/core/clock.ts'
import { DISK_STALL_MS } from '../../src/core/disk-limits.ts'

/** Knows whether a read has waited for so long that somebody has to hear of it. */
export class StallWatch {
  readonly #clock: Clock
  readonly #changed: (stalled: boolean) => void
  /** When each read that waits began to, the first first. */
  readonly #waiting = new Map<symbol, number>()
  #stalled = false
  #isClosed = false
  #cancel = () => {}

  constructor(components: { clock: Clock }, changed: (stalled: boolean) => void) {
    this.#clock = components.clock
    this.#changed = changed
  }

  get stalled(): boolean {
    return this.#stalled
  }

  /** A read waits until the returned function is called. */
  begin(): () => void {
    const one = Symbol()
    this.#waiting.set(one, this.#clock.monotonic())
    if (this.#waiting.size === 1) this.#look()
    return () => {
      this.#waiting.delete(one)
      this.#look()
    }
  }

  /** Nobody hears anything any more: what ends now was given up. */
  close(): void {
    this.#isClosed = true
    this.#stalled = false
    this.#waiting.clear()
    this.#cancel()
  }

  #look(): void {
    this.#cancel()
    if (this.#isClosed) return
    const [firstMs] = this.#waiting.values()
    const leftMs = firstMs === undefined ? undefined : firstMs + DISK_STALL_MS - this.#clock.monotonic()
    if (leftMs !== undefined && leftMs > 0) this.#cancel = this.#clock.after(leftMs, () => this.#look())
    const stalled = leftMs !== undefined && leftMs <= 0
    if (stalled === this.#stalled) return
    this.#stalled = stalled
    this.#changed(stalled)
  }
}
