import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Frame } from '../../src/core/frame.ts'
import type { Log } from '../../src/core/log.ts'
import { silentLog } from '../../src/core/log.ts'
import { ENTRY_HEADER_BYTES, PACK_HEAD } from '../../src/store/pack-entry.ts'
import { digestsOf, frameOf, framesOf } from '../fixtures/blocks.ts'
import { assertHolds, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('pack recovery')

const frames = framesOf(8, { length: 700 })

/** Ends of the entries of `frames` in a pack of nothing else. */
function endsOf(all: readonly Frame[]): number[] {
  let end = PACK_HEAD.length
  return all.map(({ bytes }) => {
    end += ENTRY_HEADER_BYTES + bytes.length
    return end
  })
}

/** Three stores with the same pack: the index knows all entries, the first half, or is gone. */
async function makeVariants(dir: string): Promise<string[]> {
  const [all, half, none] = ['all', 'half', 'none'].map((name) => join(dir, name))
  if (all === undefined || half === undefined || none === undefined) throw new TypeError()
  await withStore({ dir: all }, (store) => store.put(frames.slice(0, 4)))
  await cp(all, half, { recursive: true })
  await withStore({ dir: all }, (store) => store.put(frames.slice(4)))
  await cp(all, none, { recursive: true })
  await rm(join(none, 'index.sqlite'))
  for (const variant of [half, none])
    await cp(join(all, 'packs'), join(variant, 'packs'), { recursive: true })
  return [all, half, none]
}

/** Opens the store: it holds the first `whole` frames and nothing else, is right, and takes the rest again. */
async function assertRecovered(dir: string, whole: number): Promise<void> {
  await withStore({ dir }, async (store) => {
    assert.equal(
      await store.has(digestsOf(frames)),
      frames.map((_, i) => i < whole),
    )
    assert.is((await store.stat()).blocks, whole)
    await assertHolds(store, frames.slice(0, whole))
    await store.put(frames)
  })
  await withStore({ dir }, async (store) => {
    await assertHolds(store, frames)
    const report = await store.verify()
    assert.equal([report.blocks, report.corrupt], [frames.length, []])
  })
}

test('keeps every whole entry wherever the pack is cut', () =>
  withScratch(async (dir) => {
    const variants = await makeVariants(dir)
    const ends = endsOf(frames)
    const last = ends.at(-1) ?? 0
    const cuts = fc.oneof(
      fc.nat(last),
      fc.constantFrom(0, 1, PACK_HEAD.length, ...ends, ...ends.map((end) => end - 1)),
    )
    await fc.assert(
      fc.asyncProperty(cuts, fc.constantFrom(...variants), async (cut, variant) => {
        const copy = join(dir, 'copy')
        await rm(copy, { recursive: true, force: true })
        await cp(variant, copy, { recursive: true })
        const [pack = ''] = await packPaths(copy)
        await truncate(pack, cut)
        await assertRecovered(copy, ends.filter((end) => end <= cut).length)
      }),
      { numRuns: 60 },
    )
  }))

test('cuts a tail of other bytes, and keeps the entries before it', () =>
  withScratch(async (dir) => {
    const [, half = ''] = await makeVariants(dir)
    const ends = endsOf(frames)
    const tails = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.constant(new Uint8Array(9000)))
    await fc.assert(
      fc.asyncProperty(tails, fc.integer({ min: 4, max: 8 }), async (tail, whole) => {
        const copy = join(dir, 'copy')
        await rm(copy, { recursive: true, force: true })
        await cp(half, copy, { recursive: true })
        const [pack = ''] = await packPaths(copy)
        const bytes = await readFile(pack)
        await writeFile(pack, Buffer.concat([bytes.subarray(0, ends[whole - 1]), tail]))
        await assertRecovered(copy, whole)
      }),
      { numRuns: 25 },
    )
  }))

test('makes the index anew when it is gone or is no index', () =>
  withScratch(async (dir) => {
    const many = framesOf(300, { length: 5000 })
    const init = { dir, packBytesMax: 200_000 }
    await withStore(init, (store) => store.put(many))
    const before = await withStore(init, (store) => store.stat())
    assert.ok((await packPaths(dir)).length > 2)
    await rm(join(dir, 'index.sqlite'))
    assert.equal(await withStore(init, (store) => store.stat()), before)
    await writeFile(
      join(dir, 'index.sqlite'),
      'this is no database, but long enough to be read as one'.repeat(99),
    )
    const errors: string[] = []
    const log: Log = { ...silentLog, error: (_, message) => void errors.push(message) }
    await withStore({ ...init, log }, async (store) => {
      assert.equal(await store.stat(), before)
      await assertHolds(store, many)
    })
    assert.is(errors.length, 1)
  }))

test('passes over a damaged entry when it makes the index anew', () =>
  withScratch(async (dir) => {
    await withStore({ dir }, (store) => store.put(frames))
    const ends = endsOf(frames)
    const [pack = ''] = await packPaths(dir)
    for (const at of [(ends[1] ?? 0) + 5, (ends[4] ?? 0) + ENTRY_HEADER_BYTES + 9]) {
      const bytes = await readFile(pack)
      bytes[at] = (bytes[at] ?? 0) ^ 0x55
      await writeFile(pack, bytes)
    }
    await rm(join(dir, 'index.sqlite'))
    await withStore({ dir }, async (store) => {
      assert.equal(
        await store.has(digestsOf(frames)),
        frames.map((_, i) => i !== 2 && i !== 5),
      )
    })
  }))

test('forgets the blocks of a pack file that is gone, and says so', () =>
  withScratch(async (dir) => {
    const init = { dir, packBytesMax: 2000 }
    await withStore(init, async (store) => {
      for (const frame of frames) await store.put([frame])
    })
    const [first = ''] = await packPaths(dir)
    await rm(first)
    const errors: string[] = []
    const log: Log = { ...silentLog, error: (_, message) => void errors.push(message) }
    await withStore({ ...init, log }, async (store) => {
      const held = await store.has(digestsOf(frames))
      assert.is(held[0], false)
      assert.is(held[7], true)
      assert.is((await store.stat()).blocks, held.filter(Boolean).length)
      await store.put([frameOf(0, 700)])
    })
    assert.is(errors.length, 1)
  }))

test.run()
