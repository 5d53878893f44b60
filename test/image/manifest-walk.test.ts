import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootswarmError } from '../../src/core/errors.ts'
import { loadManifest, walkManifest } from '../../src/image/manifest-walk.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { rawFrame, testImage } from '../fixtures/test-image.ts'

const test = suite('manifest walk')
const image = testImage({ seed: 'walk', blocks: 3000, zeros: true })

async function filled(): Promise<MemoryStore> {
  const store = new MemoryStore()
  await store.put([...image.nodes, ...image.blocks])
  return store
}

async function codeOf(task: () => Promise<unknown>): Promise<string> {
  try {
    await task()
  } catch (error) {
    assert.instance(error, BootswarmError)
    return (error as BootswarmError).code
  }
  return 'none'
}

async function indices(store: MemoryStore, range: { start?: number; end?: number } = {}): Promise<number[]> {
  const found: number[] = []
  for await (const { index } of walkManifest(store, { manifest: image.manifest, ...range })) found.push(index)
  return found
}

test('gives each segment with its place', async () => {
  const store = await filled()
  const manifest = await loadManifest(store, image.manifestId)
  let offset = 0
  let index = 0
  for await (const placed of walkManifest(store, { manifest })) {
    assert.equal([placed.index, placed.offset], [index++, offset])
    offset += placed.link.size
  }
  assert.is(offset, image.bytes.length)
  assert.is(index, manifest.segments.length)
})

test('gives only the segments of a range', async () => {
  const store = await filled()
  const first = image.manifest.segments[0]?.size ?? 0
  assert.equal(await indices(store, { start: 0, end: 1 }), [0])
  assert.equal(await indices(store, { start: first - 1, end: first + 1 }), [0, 1])
  assert.equal(await indices(store, { start: first, end: first + 1 }), [1])
  assert.equal(await indices(store, { start: 5, end: 5 }), [0])
  assert.equal(await indices(store, { start: image.bytes.length }), [])
})

test('a missing or wrong node is an error of its own', async () => {
  const store = await filled()
  const [first] = image.nodes
  if (first === undefined) throw new RangeError('no segment')
  await store.delete([first.digest])
  assert.is(await codeOf(() => indices(store)), 'E_NOT_FOUND')
  const wrong = { get: async () => [{ ...rawFrame(Buffer.from('wrong')), digest: first.digest }] }
  assert.is(await codeOf(() => walkManifest(wrong, { manifest: image.manifest }).next()), 'E_INTEGRITY')
  assert.is(await codeOf(() => loadManifest(new MemoryStore(), image.manifestId)), 'E_NOT_FOUND')
})

test.run()
