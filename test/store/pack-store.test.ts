import { readdir, readFile, readlink, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestKey } from '../../src/core/cid.ts'
import { OPEN_FILES_MAX } from '../../src/store/pack-files.ts'
import { openPackStore } from '../../src/store/pack-store.ts'
import { testBlockStore } from '../conformance/blockstore.ts'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'
import { assertHolds, failsWith, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { temporaryDir, withScratch } from '../fixtures/scratch.ts'

testBlockStore('pack store', async () => {
  const { dir, remove } = await temporaryDir()
  const store = await openPackStore({ dir, packBytesMax: 1_000_000 })
  return { store, close: () => store.close().then(remove) }
})

const test = suite('pack store')

const EMPTY = new Uint8Array(0)

test('keeps everything over a restart, in packs of bounded size', () =>
  withScratch(async (dir) => {
    const frames = framesOf(120)
    const init = { dir, packBytesMax: 100_000 }
    await withStore(init, async (store) => {
      for (let at = 0; at < frames.length; at += 7) await store.put(frames.slice(at, at + 7))
    })
    const paths = await packPaths(dir)
    assert.ok(paths.length > 2)
    for (const path of paths) assert.ok((await stat(path)).size <= 100_000)
    await withStore(init, async (store) => {
      await assertHolds(store, frames)
      await assertHolds(store, frames.toReversed())
    })
  }))

test('keeps few packs open, whoever reads them', () =>
  withScratch(async (dir) => {
    const frames = framesOf(OPEN_FILES_MAX + 30, { length: 64 })
    await withStore({ dir, packBytesMax: 100, sync: false }, (store) => store.put(frames))
    assert.ok((await packPaths(dir)).length > OPEN_FILES_MAX + 20)
    await withStore({ dir, packBytesMax: 100 }, async (store) => {
      await Promise.all(frames.map((frame) => assertHolds(store, [frame])))
      assert.ok((await openPacks(dir)) <= OPEN_FILES_MAX)
      await store.verify()
      assert.ok((await openPacks(dir)) <= OPEN_FILES_MAX)
      await assertHolds(store, frames)
      assert.ok((await openPacks(dir)) <= OPEN_FILES_MAX)
    })
  }))

/** Descriptors of this process on packs. */
async function openPacks(dir: string): Promise<number> {
  const names = await readdir('/proc/self/fd')
  const links = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return links.filter((path) => path.startsWith(join(dir, 'packs/'))).length
}

test('finds corrupt blocks when it verifies, and takes them again', () =>
  withScratch(async (dir) => {
    const frames = framesOf(60)
    await withStore({ dir }, async (store) => {
      await store.put(frames)
      const [pack = ''] = await packPaths(dir)
      const bytes = await readFile(pack)
      const damaged = [frames[9], frames[33]].map((frame) => frame as (typeof frames)[0])
      for (const { bytes: stored } of damaged) {
        const at = bytes.indexOf(stored) + 100
        bytes[at] = (bytes[at] ?? 0) ^ 1
      }
      await writeFile(pack, bytes)
      const seen: number[] = []
      const report = await store.verify({
        onProgress: ({ bytes, bytesTotal }) => seen.push(bytes / bytesTotal),
      })
      assert.equal(report.corrupt.map(digestKey).sort(), digestsOf(damaged).map(digestKey).sort())
      assert.is(report.blocks, 58)
      assert.is(seen.at(-1), 1)
      assert.equal(await store.has(digestsOf(damaged)), [false, false])
      await store.put(damaged)
      await assertHolds(store, frames)
      assert.equal((await store.verify()).corrupt, [])
    })
  }))

test('refuses to give a block whose header is damaged, and drops it when it verifies', () =>
  withScratch(async (dir) => {
    const frames = framesOf(10)
    await withStore({ dir }, async (store) => {
      await store.put(frames)
      const [pack = ''] = await packPaths(dir)
      const bytes = await readFile(pack)
      const at = bytes.indexOf(frames[4]?.digest ?? '')
      bytes[at] = (bytes[at] ?? 0) ^ 1
      await writeFile(pack, bytes)
      await failsWith('E_INTEGRITY', store.get(digestsOf(frames)))
      const { corrupt } = await store.verify()
      assert.equal(corrupt.map(digestKey), digestsOf(frames.slice(4, 5)).map(digestKey))
      await store.put(frames)
      await assertHolds(store, frames)
    })
  }))

test('gives neighbours in a pack as one piece of memory, also with gaps and the same block twice', () =>
  withScratch(async (dir) => {
    const frames = framesOf(60)
    await withStore({ dir }, async (store) => {
      await store.put(frames)
      const wanted = [7, 8, 9, 12, 8, 13, 40, 12].flatMap((i) => frames.slice(i, i + 1))
      await assertHolds(store, wanted)
      const got = (await store.get(digestsOf(wanted))).map((frame) => frame?.bytes ?? new Uint8Array(0))
      const [a = EMPTY, b = EMPTY, c = EMPTY, d = EMPTY] = got
      assert.equal(
        [b, c, d].map(({ byteOffset }) => byteOffset),
        [a, b, c].map(({ byteOffset, length }) => byteOffset + length),
      )
      assert.ok(got.every(({ buffer }) => buffer === a.buffer))
    })
  }))

test('never takes a failing disk for a missing block', () =>
  withScratch(async (dir) => {
    const frames = framesOf(10)
    await withStore({ dir }, async (store) => {
      await store.put(frames)
      const [pack = ''] = await packPaths(dir)
      await truncate(pack, 5000)
      await failsWith('E_INTEGRITY', store.get(digestsOf(frames)))
    })
  }))

test('stops when it is told to, and does nothing after it was closed', () =>
  withScratch(async (dir) => {
    const frames = framesOf(10)
    const signal = AbortSignal.abort()
    const closed = await withStore({ dir }, async (store) => {
      await failsWith('E_ABORTED', store.put(frames, { signal }))
      await failsWith('E_ABORTED', store.get(digestsOf(frames), { signal }))
      await failsWith('E_ABORTED', store.verify({ signal }))
      assert.is((await store.stat()).blocks, 0)
      return store
    })
    await failsWith('E_STATE', closed.put(frames))
    await failsWith('E_STATE', closed.has(digestsOf(frames)))
    await closed.close()
  }))

test('waits for puts when it is closed', () =>
  withScratch(async (dir) => {
    const frames = framesOf(100)
    const store = await openPackStore({ dir })
    const puts = [0, 25, 50, 75].map((at) => store.put(frames.slice(at, at + 25)))
    await store.close()
    await Promise.all(puts)
    await withStore({ dir }, (reopened) => assertHolds(reopened, frames))
  }))

test.run()
