import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openFsStore } from '../../src/store/fs-store.ts'
import { testBlockStore } from '../conformance/blockstore.ts'
import { digestsOf, frameOf, framesOf } from '../fixtures/blocks.ts'
import { failsWith } from '../fixtures/pack-dir.ts'
import { temporaryDir, withScratch } from '../fixtures/scratch.ts'

testBlockStore('fs store', async () => {
  const { dir, remove } = await temporaryDir()
  const store = await openFsStore({ dir })
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

test.run()
