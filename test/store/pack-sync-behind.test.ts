import { cp, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PackStoreComponents } from '../../src/store/pack-store.ts'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'
import { assertHolds, failsWith, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('pack store, synced behind')

const frames = framesOf(40, { first: 1, length: 2000 })

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

test('syncs after 32 MiB, and an old pack before a new one begins', () =>
  withScratch(async (dir) => {
    const { components, count } = counting()
    const large = framesOf(36, { first: 1, length: 1024 * 1024 })
    await withStore({ dir, syncBehind: true, ...components }, async (store) => {
      for (const frame of large) await store.put([frame])
      assert.is(count(), 1)
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

test.run()
