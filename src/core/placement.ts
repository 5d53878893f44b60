import { InvalidError } from './errors.ts'

/** What may be done to a placement as a whole; that it waits or has ended follows from its places. */
export const PLACEMENT_STATES = ['active', 'halted', 'cancelled'] as const
export type PlacementState = (typeof PLACEMENT_STATES)[number]

/** Life of one place: `waiting` for its time and wave, `fetching`, then `done`, `failed`, or `skipped` by an admin. */
export const PLACE_STATES = ['waiting', 'fetching', 'done', 'failed', 'skipped'] as const
export type PlaceState = (typeof PLACE_STATES)[number]

/** How large a wave grows: so many nodes in all, or a percentage of them. */
export type WaveSize = { readonly nodes: number } | { readonly percent: number }

/** `25` or `10%`. Throws InvalidError. */
export function parseWaveSize(text: string): WaveSize {
  const match = /^([1-9]\d{0,5})(%?)$/.exec(text)
  const value = Number(match?.[1])
  if (match === null || (match[2] === '%' && value > 100))
    throw new InvalidError(
      `"${text.slice(0, 40)}" is no size of a wave: give a number of nodes, or a percentage such as 10%`,
    )
  return match[2] === '%' ? { percent: value } : { nodes: value }
}

/**
 * The wave of each of `count` places: `1,10%,100%` is one node, then a tenth of all, then the rest. Sizes count all nodes up to and
 * with that wave; what the last leaves over is a wave of its own.
 */
export function wavesOf(count: number, sizes: readonly WaveSize[]): number[] {
  const waves: number[] = []
  let wave = 0
  for (const size of sizes) {
    const upTo = 'percent' in size ? Math.ceil((count * size.percent) / 100) : Math.min(size.nodes, count)
    if (upTo <= waves.length) continue
    while (waves.length < upTo) waves.push(wave)
    wave++
  }
  while (waves.length < count) waves.push(wave)
  return waves
}
