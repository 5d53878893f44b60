import { InvalidError } from '../../src/core/errors.ts'

const UNITS: Readonly<Record<string, number>> = { kbit: 1e3, mbit: 1e6, gbit: 1e9 }

/** `100mbit`, `1gbit`, `2.5Mbit/s` → bits per second; undefined when it is none of these. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)\s*([kmg]bit)(?:\/s)?$/i.exec(text.trim())
  if (match === null) return undefined
  const rate = Math.round(Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? 1))
  return rate >= RATE_BITS_MIN && rate <= RATE_BITS_MAX ? rate : undefined
}

/** On a slower link the smallest queue would hold a byte for more than a second. */
export const RATE_BITS_MIN = 500_000
/** What virtual links of one machine carry at all. */
export const RATE_BITS_MAX = 100_000_000_000

/** `100 Mbit/s`. */
export function formatRate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e9) return `${Number((bitsPerSecond / 1e9).toFixed(2))} Gbit/s`
  if (bitsPerSecond >= 1e6) return `${Number((bitsPerSecond / 1e6).toFixed(2))} Mbit/s`
  return `${Number((bitsPerSecond / 1e3).toFixed(2))} kbit/s`
}

/** Throws InvalidError that names the link. */
export function checkRate(bitsPerSecond: number, what: string): void {
  if (Number.isInteger(bitsPerSecond) && bitsPerSecond >= RATE_BITS_MIN && bitsPerSecond <= RATE_BITS_MAX)
    return
  throw new InvalidError(`${what}: a rate is ${formatRate(RATE_BITS_MIN)} to ${formatRate(RATE_BITS_MAX)}`)
}
