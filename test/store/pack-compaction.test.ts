import { stat } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'
import { assertHolds, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('pack compaction')

async function bytesIn(dir: string): Promise<number> {
  let bytes = 0
  for (const path of await packPaths(dir)) bytes += (await stat(path)).size
  return bytes
}

const frames = framesOf(300, { length: 3000 })
const kept = frames.filter((_, i) => i % 3 === 1)
const gone = frames.filter((_, i) => i % 3 !== 1)

test('gives the space of deleted blocks back', () =>
  withScratch(async (dir) => {
    const init = { dir, packBytesMax: 100_000 }
    await withStore(init, async (store) => {
      await store.put(frames)
      const before = await bytesIn(dir)
      assert.equal(await store.compact(), { packs: 0, movedBlocks: 0, freedBytes: 0 })
      await store.delete(digestsOf(gone))
      const progress: number[] = []
      const report = await store.compact({
        onProgress: ({ packs, packsTotal }) => progress.push(packs / packsTotal),
      })
      const after = await bytesIn(dir)
      assert.is(report.movedBlocks, kept.length)
      assert.ok(
        Math.abs(report.freedBytes - (before - after)) < 100,
        `${report.freedBytes} is not ${before - after}`,
      )
      assert.ok(after < before / 2)
      assert.is(progress.at(-1), 1)
      await assertHolds(store, kept)
      assert.equal(await store.has(digestsOf(gone)), Array(gone.length).fill(false))
    })
    await withStore(init, async (store) => {
      await assertHolds(store, kept)
      assert.is((await store.stat()).blocks, kept.length)
      assert.equal((await store.verify()).corrupt, [])
    })
  }))

test('removes packs in which nothing is left', () =>
  withScratch(async (dir) => {
    await withStore({ dir, packBytesMax: 100_000 }, async (store) => {
      await store.put(frames)
      await store.delete(digestsOf(frames))
      await store.compact()
      assert.equal(await packPaths(dir), [])
      await store.put(frames)
      await assertHolds(store, frames)
    })
  }))

test('lets others read, put and delete meanwhile', () =>
  withScratch(async (dir) => {
    const init = { dir, packBytesMax: 100_000 }
    await withStore(init, async (store) => {
      await store.put(frames)
      await store.delete(digestsOf(gone))
      let compacting = true
      const compacted = store.compact({ deadShare: 0 }).finally(() => {
        compacting = false
      })
      const more = framesOf(200, { first: 1000, length: 3000 })
      const readAll = async () => {
        while (compacting) await assertHolds(store, kept.slice(20))
      }
      const putAll = async () => {
        for (let at = 0; at < more.length; at += 10) await store.put(more.slice(at, at + 10))
      }
      const late = kept.slice(0, 20)
      await Promise.all([compacted, readAll(), readAll(), putAll(), store.delete(digestsOf(late))])
      await assertHolds(store, [...kept.slice(20), ...more])
      assert.equal(await store.has(digestsOf(late)), Array(20).fill(false))
    })
    await withStore(init, async (store) => {
      assert.is((await store.stat()).blocks, kept.length - 20 + 200)
      assert.equal((await store.verify()).corrupt, [])
    })
  }))

test('keeps what is put while the last pack is removed', () =>
  withScratch(async (dir) => {
    await withStore({ dir }, async (store) => {
      for (let round = 0; round < 10; round++) {
        const old = framesOf(5, { first: round * 100, length: 3000 })
        const fresh = framesOf(5, { first: round * 100 + 50, length: 3000 })
        await store.put(old)
        for await (const digest of store.list()) await store.delete([digest])
        await Promise.all([store.compact(), store.put(fresh)])
        await assertHolds(store, fresh)
      }
    })
  }))

test('stores again what is deleted while it is put', () =>
  withScratch(async (dir) => {
    await withStore({ dir }, async (store) => {
      const [old, fresh] = [frames.slice(0, 20), frames.slice(20, 40)]
      await store.put(old)
      const put = store.put([...old, ...fresh])
      const deleted = store.delete(digestsOf(old))
      await Promise.all([put, deleted])
      await assertHolds(store, fresh)
      await store.put(old)
      await assertHolds(store, old)
    })
  }))

test('stops when it is told to, and when the store is closed', () =>
  withScratch(async (dir) => {
    const init = { dir, packBytesMax: 100_000 }
    await withStore(init, async (store) => {
      await store.put(frames)
      await store.delete(digestsOf(gone))
      const abort = new AbortController()
      const stopped = store.compact({ signal: abort.signal, onProgress: () => abort.abort() })
      assert.is(await stopped.catch(({ code }: { code: string }) => code), 'E_ABORTED')
      const compacted = store.compact().catch(({ code }: { code: string }) => code)
      await store.close()
      assert.match(String(await compacted), /E_ABORTED|E_STATE/)
    })
    await withStore(init, (store) => assertHolds(store, kept))
  }))

test.run()
