import type { FileHandle } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../../src/core/cid.ts'
import { StorageFullError } from '../../../src/core/errors.ts'
import { ImageWorkers } from '../../../src/image/image-workers.ts'
import { SeedReader } from '../../../src/image/seed/seed-reader.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { noise } from '../../fixtures/noise.ts'

const test = suite('seed reader')
const BLOCK = 4096
const FILE = noise('file', 64 * BLOCK)
const PLACES = Array.from({ length: 64 }, (_, i) => {
  const offset = i * BLOCK
  return { digest: digestOf(FILE.subarray(offset, offset + BLOCK)), file: 1, offset, length: BLOCK }
})

/** A file that gives `bytes`, and fails from `badOffset` on. */
function fileOf(bytes: Uint8Array, badOffset = Number.POSITIVE_INFINITY): FileHandle {
  const read = async (target: Uint8Array, at: number, length: number, offset: number) => {
    if (offset + length > badOffset) throw Object.assign(new TypeError('EIO: i/o error'), { code: 'EIO' })
    const part = bytes.subarray(offset, offset + length)
    target.set(part, at)
    return { bytesRead: part.length, buffer: target }
  }
  return { read } as unknown as FileHandle
}

test('a disk that fails is told apart from a file that has changed', async () => {
  await using workers = new ImageWorkers()
  const blocks = new MemoryStore()
  const reader = new SeedReader({ blocks, workers })
  const init = { places: PLACES, stored: () => {} }
  assert.is((await reader.bring(fileOf(FILE, 9 * BLOCK), init)).state, 'unreadable')
  assert.is((await blocks.stat()).blocks, 0)
  const other = noise('other', FILE.length)
  assert.is((await reader.bring(fileOf(other), init)).state, 'changed')
  assert.is((await blocks.stat()).blocks, 0)
  assert.is((await reader.bring(fileOf(FILE), init)).state, 'current')
  assert.is((await blocks.stat()).blocks, 64)
})

test('of a file that became shorter what is there is brought', async () => {
  await using workers = new ImageWorkers()
  const blocks = new MemoryStore()
  const reader = new SeedReader({ blocks, workers })
  let stored = 0
  const init = { places: PLACES, stored: () => void stored++ }
  assert.is((await reader.bring(fileOf(FILE.subarray(0, 40 * BLOCK)), init)).state, 'changed')
  assert.is(stored, 40)
  assert.is((await blocks.stat()).blocks, 40)
})

test('a full store is the caller’s to know', async () => {
  await using workers = new ImageWorkers()
  const put = () => Promise.reject(new StorageFullError('the disk is full'))
  const reader = new SeedReader({ blocks: { put }, workers })
  const failure = await failureOf(reader.bring(fileOf(FILE), { places: PLACES, stored: () => {} }))
  assert.is(failure.code, 'E_STORAGE_FULL')
})

test.run()
