import type { TrafficClass } from '../../core/traffic-class.ts'
import { hasUnit, setUnit, type Units, unitsOf } from './units.ts'

/** Units that are wanted for more than the session as a whole: what a running VM reads, and what it will read while it boots. */
export class Urgency {
  readonly #units: number
  readonly #usual: TrafficClass
  #guest: Units | undefined
  #boot: Units | undefined

  constructor(init: { units: number; usual: TrafficClass }) {
    this.#units = init.units
    this.#usual = init.usual
  }

  /** Units that a guest waits for. */
  get guest(): Units | undefined {
    return this.#guest
  }

  /** Sets to pick from, in this order; undefined at the end for everything else. */
  get order(): readonly (Units | undefined)[] {
    return [...[this.#guest, this.#boot].filter((units) => units !== undefined), undefined]
  }

  raise(unit: number, to: 'guest' | 'boot'): void {
    if (to === 'guest') {
      this.#guest ??= unitsOf(this.#units)
      setUnit(this.#guest, unit)
    } else {
      this.#boot ??= unitsOf(this.#units)
      setUnit(this.#boot, unit)
    }
  }

  of(unit: number): TrafficClass {
    if (this.#guest !== undefined && hasUnit(this.#guest, unit)) return 'guest'
    return this.#boot !== undefined && hasUnit(this.#boot, unit) ? 'boot' : this.#usual
  }
}
