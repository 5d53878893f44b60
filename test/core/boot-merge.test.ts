import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mergeRecordings } from '../../src/core/boot-merge.ts'
import { type BootRead, bytesOfReads, checkReads, digestOfReads } from '../../src/core/boot-profile.ts'
import { BOOT_BYTES_MAX, BOOT_READS_MAX, BOOT_RECORDING_MS } from '../../src/core/disk-limits.ts'
import { IMAGE_BYTES_MAX } from '../../src/core/limits.ts'
import { mergePlainly } from '../fixtures/plain-merge.ts'

const test = suite('boot merge')
const PAGE = 4096
const PAGES = 48

/** Any recording of a small disk: runs of pages that do not overlap, in the order of their times. */
const recording = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 6 }), fc.nat(50)), {
    minLength: 1,
    maxLength: 8,
  })
  .map((steps): BootRead[] => {
    let page = 0
    const reads = steps.map(([gap, pages, ms]): BootRead => {
      const offset = page + gap
      page = offset + pages
      return [offset * PAGE, Math.min(pages, PAGES) * PAGE, ms]
    })
    return reads.sort((one, other) => one[2] - other[2])
  })
const recordings = fc.array(recording, { minLength: 1, maxLength: 6 })
const size = 8 * 9 * PAGE

/** Times at which each recording has a page, the slow way. */
function timesOf(all: readonly (readonly BootRead[])[], offset: number): number[] {
  return all
    .flatMap((reads) => reads.filter(([from, length]) => from <= offset && offset < from + length))
    .map(([, , ms]) => ms)
    .sort((one, other) => one - other)
}

test('has the pages that at least half of the recordings have, and is made of valid reads', () => {
  fc.assert(
    fc.property(recordings, (all) => {
      const merged = mergeRecordings(all)
      if (merged.length > 0) checkReads(merged, { size })
      for (let offset = 0; offset < size; offset += PAGE) {
        const expected = timesOf(all, offset).length >= all.length / 2
        assert.is(timesOf([merged], offset).length, expected ? 1 : 0, `page at ${offset}`)
      }
    }),
  )
})

test('has them in the order of their median times', () => {
  fc.assert(
    fc.property(recordings, (all) => {
      const median = (offset: number) => {
        const times = timesOf(all, offset)
        return times[(times.length - 1) >> 1] ?? 0
      }
      let before = 0
      for (const [offset, length, ms] of mergeRecordings(all)) {
        assert.is(ms, median(offset))
        for (let at = offset; at < offset + length; at += PAGE) {
          assert.ok(median(at) >= before)
          before = median(at)
        }
      }
    }),
  )
})

/** Recordings anywhere on a disk whose last page may be no whole one. */
const disk = fc
  .record({
    all: fc.array(recording, { minLength: 1, maxLength: 16 }),
    page: fc.constantFrom(0, 4000, 2 ** 24 - 20, IMAGE_BYTES_MAX / PAGE - PAGES),
    lacking: fc.constantFrom(0, 512, PAGE - 1),
    pause: fc.constantFrom(1, BOOT_RECORDING_MS / 50),
  })
  .map(({ all, page, lacking, pause }) => {
    const ends = all.flatMap((reads) => reads.map(([offset, length]) => offset + length))
    const last = Math.max(...ends)
    const moved = ([offset, length, ms]: BootRead): BootRead => {
      const cut = offset + length === last ? lacking : 0
      return [offset + page * PAGE, length - cut, ms * pause]
    }
    return all.map((reads) => reads.map(moved))
  })

test('gives what the words of the page give, wherever on a disk', () => {
  fc.assert(
    fc.property(disk, (all) => {
      assert.equal(mergeRecordings(all), mergePlainly(all))
    }),
  )
})

test('does not depend on the order of the recordings, and one alone stays as it is', () => {
  fc.assert(
    fc.property(recordings, (all) => {
      assert.equal(mergeRecordings([...all].reverse()), mergeRecordings(all))
      const [first = []] = all
      const alone = mergeRecordings([first])
      assert.is(bytesOfReads(alone), bytesOfReads(first))
      assert.equal(mergeRecordings([alone, alone, alone]), alone)
    }),
  )
})

test('of nothing nothing comes', () => {
  assert.equal(mergeRecordings([]), [])
  assert.equal(mergeRecordings([[[0, PAGE, 0]], [[PAGE, PAGE, 0]], [[3 * PAGE, PAGE, 0]]]), [])
})

test('leaves out what was read last where it would be too much', () => {
  const spread = (start: number): BootRead[] =>
    Array.from({ length: BOOT_READS_MAX }, (_, at) => [start + 4 * PAGE * at, PAGE, at])
  const many = mergeRecordings([spread(0), spread(2 * PAGE)])
  assert.is(many.length, BOOT_READS_MAX)
  assert.equal(many.at(-1), [2 * PAGE + 2 * BOOT_READS_MAX * PAGE - 4 * PAGE, PAGE, BOOT_READS_MAX / 2 - 1])
  const large = mergeRecordings([[[0, BOOT_BYTES_MAX, 7]], [[2 * BOOT_BYTES_MAX, PAGE, 8]]])
  assert.equal(large, [[0, BOOT_BYTES_MAX, 7]])
})

test('gives what the test vectors of the page say', () => {
  const page = readFileSync('docs/specs/boot-profile-v1.md', 'utf8')
  const [, given = ''] = page.match(/```\n(\[\[[^`]+)```/) ?? []
  const [, expected, digest] = page.match(/Profile: `(.+?)`, digest `(.+?)`/) ?? []
  const all = given
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as BootRead[])
  assert.is(all.length, 3)
  for (const reads of all) checkReads(reads, { size: 40_960 })
  const merged = mergeRecordings(all)
  assert.is(JSON.stringify(merged), expected)
  assert.is(digestOfReads(merged), digest)
})

test.run()
