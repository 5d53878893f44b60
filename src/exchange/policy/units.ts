import type { Bitmap } from '../../core/bitmap.ts'
import { PARTED_RUNS_MAX, RUN_PARTS } from '../../core/limits.ts'
import type { Random } from '../../core/random.ts'

/** Parts that each run of an image is cut into for wanting: several while runs are few, so that the first and the last do not take long. */
export function partsFor(runs: number): number {
  return runs <= PARTED_RUNS_MAX ? RUN_PARTS : 1
}

/** Set of units in words of 32. A unit is one part of one run: `run * parts + part`. */
export type Units = Uint32Array

export function unitsOf(count: number): Units {
  return new Uint32Array((count + 31) >>> 5)
}

export function hasUnit(units: Units, unit: number): boolean {
  return ((units[unit >>> 5] ?? 0) & (1 << (unit & 31))) !== 0
}

/** The parts of a run of which the set has the units; bit k: the k-th unit from `first` on. They lie in one word. */
export function partsAt(units: Units, first: number, allParts: number): number {
  return ((units[first >>> 5] ?? 0) >>> (first & 31)) & allParts
}

export function setUnit(units: Units, unit: number): void {
  units[unit >>> 5] = (units[unit >>> 5] ?? 0) | (1 << (unit & 31))
}

export function clearUnit(units: Units, unit: number): void {
  units[unit >>> 5] = (units[unit >>> 5] ?? 0) & ~(1 << (unit & 31))
}

/** The units of the runs of a have bitmap. */
export function unitsOfRuns(have: Bitmap, parts: number): Units {
  const units = unitsOf(have.size * parts)
  const mask = 2 ** parts - 1
  for (let at = 0; at < have.bytes.length; at++) {
    for (let bits = have.bytes[at] ?? 0; bits !== 0; bits &= bits - 1) {
      const unit = (at * 8 + 31 - Math.clz32(bits & -bits)) * parts
      units[unit >>> 5] = (units[unit >>> 5] ?? 0) | (mask << (unit & 31))
    }
  }
  return units
}

export function eachUnit(units: Units, visit: (unit: number) => void): void {
  for (let at = 0; at < units.length; at++) {
    for (let bits = units[at] ?? 0; bits !== 0; bits &= bits - 1) {
      visit(at * 32 + 31 - Math.clz32(bits & -bits))
    }
  }
}

/** One of the set bits of a word, at random. */
export function anyBit(word: number, random: Random): number {
  let skip = Math.floor(random() * countOnes(word))
  let bits = word
  while (skip-- > 0) bits &= bits - 1
  return 31 - Math.clz32(bits & -bits)
}

function countOnes(word: number): number {
  let count = 0
  for (let bits = word; bits !== 0; bits &= bits - 1) count++
  return count
}
