import { hash } from 'node:crypto'

/** Deterministic numbers in [0, 1) from a seed (mulberry32). Not for secrets. */
export type Random = () => number

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A number in [0, 1) that depends on `seed` and `text` alone. */
export function randomOf(seed: number, text: string): number {
  return Number.parseInt(hash('sha256', `${seed}:${text}`).slice(0, 8), 16) / 2 ** 32
}

const WORD = 8
const WORDS = 4096

/** Fills with bytes that compress about 2.5 to 1, like the files of a system disk: words from a dictionary of the seed's. */
export function fillCompressible(target: Buffer, random: Random): void {
  const dictionary = Buffer.alloc(WORDS * WORD)
  for (let i = 0; i < dictionary.length; i++) dictionary[i] = 1 + Math.floor(random() * 255)
  for (let at = 0; at < target.length; at += WORD) {
    const word = Math.floor(random() ** 3 * WORDS) * WORD
    dictionary.copy(target, at, word, word + Math.min(WORD, target.length - at))
  }
}
