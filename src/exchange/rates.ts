import type { Rates } from './policy/rate-limit.ts'

/** Limits that an operator sets. What is left out is not limited, but for the fallback, which has a limit of its own. */
export interface ExchangeRates {
  readonly upload?: Rates | undefined
  readonly download?: Rates | undefined
  /** At an origin: bytes a second given to starving peers although others had got them. */
  readonly fallbackBytesPerSecond?: number | undefined
}
