import { cp, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFrame } from '../../src/core/frame-codec.ts'
import type { PackStoreComponents } from '../../src/store/pack-store.ts'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'
import { noise } from '../fixtures/noise.ts'
import { assertHolds, failsWith, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('pack store, synced behind')

const frames = framesOf(40, { first: 1, length: 2000 })

/** So many frames of a MiB. */
const large = (count: number) =>
  Array.from({ length: count }, (_, i) => encodeFrame(new Uint8Array(1024 * 1024).fill(i + 1)))

/** Counts the syncs of packs. */
function counting() {
  let syncs = 0
  const components: PackStoreComponents = {
    datasync: async () => {
      syncs++
    },
  }
  return { components, count: () => syncs }
}

test('does not sync for each put, and does for who waits for it', () =>
  withScratch(async (dir) => {
    const { components, count } = counting()
    await withStore({ dir, syncBehind: true, ...components }, async (store) => {
      for (const frame of frames) await store.put([frame])
      assert.is(count(), 0)
      await store.flush()
      assert.is(count(), 1)
      await store.flush()
      assert.is(count(), 1)
    })
  }))

test('syncs every 16 MiB, and an old pack before a new one begins', () =>
  withScratch(async (dir) => {
    const { components, count } = counting()
    await withStore({ dir, syncBehind: true, ...components }, async (store) => {
      for (const frame of large(36)) await store.put([frame])
      assert.is(count(), 2)
    })
  }))

test('takes puts while a sync is under way, until 32 MiB are not synced', () =>
  withScratch(async (dir) => {
    const syncs: PromiseWithResolvers<void>[] = []
    const datasync = () => {
      const sync = Promise.withResolvers<void>()
      syncs.push(sync)
      return sync.promise
    }
    await withStore({ dir, syncBehind: true, datasync }, async (store) => {
      const frames = large(34)
      for (const frame of frames.slice(0, 31)) await store.put([frame])
      assert.is(syncs.length, 1)
      let waits = true
      const held = store.put(frames.slice(31)).then(() => {
        waits = false
      })
      await store.has(digestsOf(frames))
      await new Promise((resolve) => setImmediate(resolve))
      assert.is(waits, true)
      syncs[0]?.resolve()
      await held
      assert.is(syncs.length, 2)
      const flushed = store.flush()
      syncs[1]?.resolve()
      await flushed
    })
  }))

test('a sync behind that fails loses what was put since, also what was put meanwhile', () =>
  withScratch(async (dir) => {
    const sync = Promise.withResolvers<void>()
    const components = { datasync: () => sync.promise }
    const frames = large(20)
    await withStore({ dir, syncBehind: true, ...components }, async (store) => {
      for (const frame of frames) await store.put([frame])
      assert.equal(new Set(await store.has(digestsOf(frames))), new Set([true]))
      sync.reject(Object.assign(new Error('disk'), { code: 'EIO' }))
      await failsWith('E_STORAGE', store.flush())
      assert.equal(new Set(await store.has(digestsOf(frames))), new Set([false]))
      await failsWith('E_STORAGE', store.put(frames))
    })
    await withStore({ dir }, (store) => assertHolds(store, frames))
  }))

test('rows that are written while a sync is under way are synced by themselves', () =>
  withScratch(async (dir) => {
    const sync = Promise.withResolvers<void>()
    const frames = large(18)
    await withStore({ dir, syncBehind: true, datasync: () => sync.promise }, async (store) => {
      for (const frame of frames) await store.put([frame])
      await store.delete(digestsOf(frames.slice(0, 1)))
      sync.reject(Object.assign(new Error('disk'), { code: 'EIO' }))
      await failsWith('E_STORAGE', store.flush())
      const held = await store.has(digestsOf(frames))
      assert.equal(held, [false, ...Array(17).fill(true)])
    })
  }))

test('a thousand rows are written when the disk has their bytes, without those that came meanwhile', () =>
  withScratch(async (dir) => {
    const there = join(dir, 'there')
    const syncs: PromiseWithResolvers<void>[] = []
    const datasync = () => {
      syncs.push(Promise.withResolvers<void>())
      return syncs.at(-1)?.promise ?? Promise.resolve()
    }
    const many = framesOf(1040, { first: 1, length: 64 })
    let synced = 0
    await withStore({ dir: join(dir, 'here'), syncBehind: true, datasync }, async (store) => {
      await store.put(many.slice(0, 1030))
      assert.is(syncs.length, 0)
      await store.put(many.slice(1030, 1031))
      assert.is(syncs.length, 1)
      const [pack = ''] = await packPaths(join(dir, 'here'))
      synced = (await stat(pack)).size
      await store.put(many.slice(1031))
      syncs[0]?.resolve()
      await store.has([])
      await cp(join(dir, 'here'), there, { recursive: true })
      const flushed = store.flush()
      await new Promise((resolve) => setImmediate(resolve))
      syncs[1]?.resolve()
      await flushed
      await assertHolds(store, many)
    })
    const index = new DatabaseSync(join(there, 'index.sqlite'))
    assert.equal({ ...index.prepare('SELECT count(*) AS rows FROM blocks').get() }, { rows: 1030 })
    index.close()
    const [pack = ''] = await packPaths(there)
    await truncate(pack, synced)
    await withStore({ dir: there }, async (store) => {
      assert.equal((await store.verify()).corrupt, [])
      const held = await store.has(digestsOf(many))
      assert.equal(held, [...Array(1031).fill(true), ...Array(9).fill(false)])
    })
  }))

test('keeps what it acknowledged when the process dies before a sync', () =>
  withScratch(async (dir) => {
    const there = join(dir, 'there')
    await withStore({ dir: join(dir, 'here'), syncBehind: true }, async (store) => {
      await store.put(frames)
      await cp(join(dir, 'here'), there, { recursive: true })
    })
    await withStore({ dir: there }, (store) => assertHolds(store, frames))
  }))

test('has no row of what the disk may not have: it is only missing after power loss', () =>
  withScratch(async (dir) => {
    const there = join(dir, 'there')
    let synced = 0
    await withStore({ dir: join(dir, 'here'), syncBehind: true }, async (store) => {
      await store.put(frames.slice(0, 10))
      await store.flush()
      const [pack = ''] = await packPaths(join(dir, 'here'))
      synced = (await stat(pack)).size
      await store.put(frames.slice(10))
      await cp(join(dir, 'here'), there, { recursive: true })
    })
    const [pack = ''] = await packPaths(there)
    await truncate(pack, synced + 100)
    await withStore({ dir: there }, async (store) => {
      assert.equal((await store.verify()).corrupt, [])
      const held = await store.has(digestsOf(frames))
      assert.equal(held, [...Array(10).fill(true), ...Array(30).fill(false)])
    })
  }))

test('forgets what a failing sync may have lost, and takes nothing more', () =>
  withScratch(async (dir) => {
    const datasync = () => Promise.reject(Object.assign(new Error('disk'), { code: 'EIO' }))
    await withStore({ dir, syncBehind: true, datasync }, async (store) => {
      await store.put(frames)
      await failsWith('E_STORAGE', store.flush())
      assert.equal(new Set(await store.has(digestsOf(frames))), new Set([false]))
      await failsWith('E_STORAGE', store.put(frames))
      await failsWith('E_STORAGE', store.flush())
    })
    await withStore({ dir }, (store) => assertHolds(store, frames))
  }))

test('a compaction whose sync fails loses what was put before it', () =>
  withScratch(async (dir) => {
    let fails = false
    const datasync = async () => {
      const failed = fails
      // the system tells of a failure once
      fails = false
      if (failed) throw Object.assign(new Error('disk'), { code: 'EIO' })
    }
    const blocks = Array.from({ length: 11 }, (_, i) => encodeFrame(noise(`${i}`, 10_000)))
    const late = blocks.slice(10)
    await withStore({ dir, syncBehind: true, datasync, packBytesMax: 95_000 }, async (store) => {
      await store.put(blocks.slice(0, 9))
      await store.put(blocks.slice(9, 10))
      await store.flush()
      await store.delete(digestsOf(blocks.slice(0, 7)))
      fails = true
      const compacted = store.compact()
      await Promise.all([store.put(late), failsWith('E_STORAGE', compacted)])
      assert.is(fails, false)
      assert.equal(await store.has(digestsOf(late)), [false])
      await failsWith('E_STORAGE', store.flush())
      await failsWith('E_STORAGE', store.put(late))
    })
    await withStore({ dir }, async (store) => {
      assert.equal((await store.verify()).corrupt, [])
      await assertHolds(store, blocks.slice(7, 10))
    })
  }))

test.run()
