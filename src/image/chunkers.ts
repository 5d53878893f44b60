import { InvalidError } from '../core/errors.ts'
import { BLOCK_BYTES_MAX, PAGE_BYTES } from '../core/limits.ts'
import type { ChunkerParameters } from '../core/manifest.ts'
import type { Chunker } from './chunker.ts'
import { GearChunker } from './chunker-gear.ts'
import { PageTailChunker } from './chunker-page-tail.ts'
import { isPacked } from './sniff.ts'

/** What a user asks for; `auto` looks at the head of the image. Parameters are those of a manifest, to cut in the same way. */
export type ChunkerChoice = 'page-tail' | 'gear' | 'auto' | ChunkerParameters

/** Chunker for an image that begins with `head` (its first SNIFF_BYTES, or all of it). */
export function chooseChunker(choice: ChunkerChoice, head: Uint8Array): Chunker {
  if (typeof choice === 'object') return chunkerOf(choice)
  if (choice === 'gear' || (choice === 'auto' && isPacked(head))) return new GearChunker()
  if (choice === 'auto' || choice === 'page-tail') return new PageTailChunker()
  throw new InvalidError(`"${String(choice).slice(0, 32)}" is no chunker: use page-tail, gear or auto`)
}

/**
 * The chunker that a manifest names, so that an image can be cut again in the same way. Throws InvalidError on a name or
 * parameters that this version does not know.
 */
export function chunkerOf({ name, parameters }: ChunkerParameters): Chunker {
  const chunker = rebuild(name, parameters)
  const known = chunker?.parameters.parameters ?? {}
  const keys = new Set([...Object.keys(known), ...Object.keys(parameters)])
  for (const key of keys) {
    if (known[key] !== parameters[key])
      throw new InvalidError(`cannot make the chunker ${name} with its parameter ${key}`)
  }
  if (chunker === undefined) throw new InvalidError(`this version has no chunker "${name}"`)
  return chunker
}

function rebuild(name: string, parameters: Readonly<Record<string, number>>): Chunker | undefined {
  const { min = PAGE_BYTES, avg = 0, max = 0, one_in: oneIn = 0 } = parameters
  if (name === 'page-tail') {
    check(isPageMultiple(max) && isPowerOfTwo(oneIn, 2, 2 ** 20))
    return new PageTailChunker({ maxBytes: max, oneIn })
  }
  if (name === 'gear') {
    check(isPowerOfTwo(avg, 1024, BLOCK_BYTES_MAX) && min >= 64 && min <= avg)
    check(isPageMultiple(max) && max >= avg)
    return new GearChunker({ minBytes: min, avgBytes: avg, maxBytes: max })
  }
  return undefined
}

function check(holds: boolean): void {
  if (!holds) throw new InvalidError('chunker parameters are out of range')
}

function isPageMultiple(n: number): boolean {
  return n >= PAGE_BYTES && n <= BLOCK_BYTES_MAX && n % PAGE_BYTES === 0
}

function isPowerOfTwo(n: number, min: number, max: number): boolean {
  return n >= min && n <= max && Number.isInteger(Math.log2(n))
}
