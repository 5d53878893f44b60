import { UNUSUAL_DEVIATIONS } from '../../core/limits.ts'

/** How long something usually takes: its mean and mean deviation over about so many samples, and from when on a time is unusual, as RFC 6298 has it for retransmission. State only. */
export class UsualTime {
  readonly #memory: number
  #samples = 0
  #meanMs = 0
  #deviationMs = 0

  /** `memory`: samples that the mean goes over. */
  constructor(init: { memory: number }) {
    this.#memory = init.memory
  }

  get samples(): number {
    return this.#samples
  }

  get meanMs(): number {
    return this.#meanMs
  }

  /** Infinite before the first sample. */
  get limitMs(): number {
    return this.#samples === 0
      ? Number.POSITIVE_INFINITY
      : this.#meanMs + UNUSUAL_DEVIATIONS * this.#deviationMs
  }

  add(ms: number): void {
    const first = this.#samples === 0
    this.#samples++
    const weight = 1 / Math.min(this.#samples, this.#memory)
    const offMs = first ? ms / 2 : Math.abs(ms - this.#meanMs)
    this.#deviationMs += (offMs - this.#deviationMs) * weight
    this.#meanMs += (ms - this.#meanMs) * weight
  }
}
