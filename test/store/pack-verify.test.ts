import { open } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestKey } from '../../src/core/cid.ts'
import { ENTRY_HEADER_BYTES, entryBytes, PACK_HEAD } from '../../src/store/pack-entry.ts'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'
import { assertHolds, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('pack verify')

const frames = framesOf(6, { length: 700 })

/** Where the entry of a frame begins in a pack of nothing else. */
function startOf(index: number): number {
  return frames
    .slice(0, index)
    .reduce((at, frame) => at + entryBytes({ stored: frame.bytes.length }), PACK_HEAD.length)
}

async function damage(path: string, range: { from: number; bytes: number }): Promise<void> {
  await using file = await open(path, 'r+')
  await file.write(Buffer.alloc(range.bytes, 0xa5), 0, range.bytes, range.from)
}

/** Keys of the blocks that one verify finds damaged after these bytes of the only pack were overwritten; all are put again after it. */
async function foundAfter(dir: string, range: { from: number; bytes: number }): Promise<string[]> {
  return await withStore({ dir }, async (store) => {
    await store.put(frames)
    const [path] = await packPaths(dir)
    if (path === undefined) throw new TypeError('the store has no pack')
    await damage(path, range)
    const { corrupt } = await store.verify()
    await store.put(frames)
    assert.equal((await store.verify()).corrupt, [])
    await assertHolds(store, frames)
    return corrupt.map(digestKey).sort()
  })
}

const keysOf = (...indices: number[]) =>
  digestsOf(indices.flatMap((i) => frames[i] ?? []))
    .map(digestKey)
    .sort()

test('finds damage that reaches from one entry into the header of the next, in one pass', () =>
  withScratch(async (dir) => {
    assert.equal(await foundAfter(dir, { from: startOf(2) - 8, bytes: 16 }), keysOf(1, 2))
  }))

test('finds an entry that is lost whole and one whose body is damaged', () =>
  withScratch(async (dir) => {
    const from = startOf(3) + ENTRY_HEADER_BYTES - 4
    assert.equal(await foundAfter(dir, { from, bytes: startOf(5) - 4 - from }), keysOf(3, 4))
  }))

test.run()
