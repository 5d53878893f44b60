import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openFsStore } from '../../src/store/fs-store.ts'
import { testBlockStore } from '../conformance/blockstore.ts'
import { digestsOf, frameOf, framesOf } from '../fixtures/blocks.ts'
import { until } from '../fixtures/hosts.ts'
import { failsWith } from '../fixtures/pack-dir.ts'
import { temporaryDir, withScratch } from '../fixtures/scratch.ts'

testBlockStore('fs store', async () => {
  const { dir, remove } = await temporaryDir()
  const store = await openFsStore({ dir })
  return { store, close: () => store.close().then(remove) }
})

testBlockStore('fs store that syncs behind', async () => {
  const { dir, remove } = await temporaryDir()
  const store = await openFsStore({ dir, syncBehind: true })
  return { store, close: () => store.close().then(remove) }
})

const test = suite('fs store')

/** Stores one block and gives the path of its file. */
async function oneFile(dir: string) {
  const store = await openFsStore({ dir })
  const frame = frameOf(1)
  await store.put([frame])
  const names = await readdir(dir, { recursive: true })
  const path = join(dir, names.find((name) => name.endsWith('.data')) ?? '')
  return { store, frame, path }
}

test('keeps everything over a restart', () =>
  withScratch(async (dir) => {
    const frames = framesOf(5)
    const store = await openFsStore({ dir })
    await store.put(frames)
    await store.close()
    const reopened = await openFsStore({ dir })
    assert.equal(await reopened.has(digestsOf(frames)), Array(5).fill(true))
  }))

test('never takes a failing disk for a missing block', () =>
  withScratch(async (dir) => {
    const { store, frame, path } = await oneFile(dir)
    await rm(path)
    await mkdir(path)
    await failsWith('E_STORAGE', store.get([frame.digest]))
    const folder = join(path, '..')
    await rm(folder, { recursive: true })
    await writeFile(folder, '')
    await failsWith('E_STORAGE', store.get([frame.digest]))
    await failsWith('E_STORAGE', store.has([frame.digest]))
    await failsWith('E_STORAGE', store.put([frame]))
  }))

test('does not give a damaged block', () =>
  withScratch(async (dir) => {
    const { store, frame, path } = await oneFile(dir)
    await writeFile(path, 'damaged')
    await failsWith('E_INTEGRITY', store.get([frame.digest]))
    await store.put([frame])
    assert.is((await store.get([frame.digest]))[0]?.length, frame.length)
  }))

test('takes an empty file, as power loss leaves it, for no block', () =>
  withScratch(async (dir) => {
    const { store, frame, path } = await oneFile(dir)
    await writeFile(path, '')
    assert.equal(await store.has([frame.digest]), [false])
    assert.equal(await store.get([frame.digest]), [undefined])
    await store.put([frame])
    assert.equal(await store.has([frame.digest]), [true])
  }))

/** A store that syncs behind, and the syncs that it has begun. */
async function behind(dir: string) {
  const syncs: PromiseWithResolvers<void>[] = []
  const sync = () => {
    const begun = Promise.withResolvers<void>()
    syncs.push(begun)
    return begun.promise
  }
  return { store: await openFsStore({ dir, syncBehind: true, sync }), syncs }
}

test('a put does not wait for a sync, and whoever flushes does', () =>
  withScratch(async (dir) => {
    const { store, syncs } = await behind(dir)
    const frame = frameOf(1)
    await store.put([frame])
    assert.equal(await store.has([frame.digest]), [true])
    let flushed = false
    const flushing = store.flush().then(() => (flushed = true))
    await new Promise((resolve) => setImmediate(resolve))
    assert.is(flushed, false)
    for (const sync of syncs) sync.resolve()
    await flushing
    assert.is(syncs.length, 1)
    await store.close()
  }))

test('what could not be synced is told to who flushes, once', () =>
  withScratch(async (dir) => {
    const { store, syncs } = await behind(dir)
    await store.put([frameOf(1)])
    const flushing = failsWith('E_STORAGE', store.flush())
    for (const sync of syncs) sync.reject(new Error('the disk is broken'))
    await flushing
    await store.flush()
    await store.close()
  }))

for (const syncBehind of [false, true]) {
  test(`what could not be synced ${syncBehind ? 'behind ' : ''}is not here any more, and is written again`, () =>
    withScratch(async (dir) => {
      let syncs = 0
      const sync = async () => {
        syncs += 1
        if (syncs === 1) throw new Error('the disk is broken')
      }
      const store = await openFsStore({ dir, syncBehind, sync })
      const frame = frameOf(1)
      const put = async () => {
        await store.put([frame])
        await store.flush()
      }
      await failsWith('E_STORAGE', put())
      assert.equal(await store.has([frame.digest]), [false])
      await put()
      assert.equal(await store.has([frame.digest]), [true])
      assert.is(syncs, 2)
      await store.close()
    }))
}

test('what was deleted before it was synced is no failure', () =>
  withScratch(async (dir) => {
    const { store, syncs } = await behind(dir)
    const frame = frameOf(1)
    await store.put([frame])
    await store.delete([frame.digest])
    for (const sync of syncs) sync.reject(new Error('there is no such file'))
    await store.flush()
    await store.close()
  }))

test('puts wait while too much is not synced', () =>
  withScratch(async (dir) => {
    const { store, syncs } = await behind(dir)
    const frames = framesOf(80)
    let stored = 0
    const puts = frames.map((frame) => store.put([frame]).then(() => stored++))
    await until(() => stored >= 64)
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(stored < 80, String(stored))
    const release = setInterval(() => syncs.splice(0).forEach((sync) => void sync.resolve()), 1)
    await Promise.all(puts)
    await store.flush()
    clearInterval(release)
    assert.equal(await store.has(digestsOf(frames)), Array(80).fill(true))
    await store.close()
  }))

test.run()
