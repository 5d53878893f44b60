import { truncate } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFrame } from '../../src/core/frame-codec.ts'
import { BlockOpener } from '../../src/store/block-opener.ts'
import { openPackStore, type PackStore } from '../../src/store/pack-store.ts'
import { failureOf } from '../fixtures/failure.ts'
import { noise } from '../fixtures/noise.ts'
import { damage, packPaths } from '../fixtures/pack-dir.ts'
import { temporaryDir } from '../fixtures/scratch.ts'

const test = suite<{ dir: string; store: PackStore; remove: () => Promise<void> }>('blocks opened for reads')

const TEXT = Buffer.alloc(50_000, 'abcdefgh')
const NOISE = Buffer.from(noise('raw', 100_000))
const text = encodeFrame(TEXT)
const raw = encodeFrame(NOISE)
const absent = encodeFrame(noise('absent', 5000))
const memory = { take: (length: number) => Buffer.alloc(length), give() {} }

test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  context.store = await openPackStore({ dir: context.dir })
  await context.store.put([text, raw])
  await context.store.flush()
})
test.after.each(async ({ store, remove }) => {
  await store.close()
  await remove()
})

test('gives blocks in the order in which they were asked for, and nothing where there is none', async ({
  store,
}) => {
  for (let i = 0; i < 2; i++) {
    const [second, none, first] = await store.open([raw, absent, text], memory)
    assert.is(Buffer.compare(second ?? TEXT, NOISE), 0)
    assert.is(none, undefined)
    assert.is(Buffer.compare(first ?? NOISE, TEXT), 0)
  }
})

test('a block of another length than the image says is an error of the image', async ({ store }) => {
  const wrong = { digest: raw.digest, length: raw.length - 1 }
  assert.is((await failureOf(store.open([wrong], memory))).code, 'E_MANIFEST')
  assert.is((await failureOf(store.openPart(wrong, { start: 0, end: 1 }, memory))).code, 'E_MANIFEST')
})

test('of a block that rests as it is a part is enough, once all of it was checked', async ({ store }) => {
  const part = { start: 40_000, end: 44_096 }
  const first = await store.openPart(raw, part, memory)
  assert.equal([first?.start, first?.bytes.length], [0, NOISE.length])
  const again = await store.openPart(raw, part, memory)
  assert.equal([again?.start, again?.bytes.length], [32_768, 16_384])
  assert.is(Buffer.compare(again?.bytes ?? TEXT, NOISE.subarray(32_768, 49_152)), 0)
  const end = await store.openPart(raw, { start: 99_000, end: 100_000 }, memory)
  assert.is(Buffer.compare(end?.bytes ?? TEXT, NOISE.subarray(98_304)), 0)
  assert.is((await store.openPart(text, part, memory))?.bytes.length, TEXT.length)
  assert.is(await store.openPart(absent, { start: 0, end: 10 }, memory), undefined)
})

for (const what of ['never read before', 'read before']) {
  test(`damage is found in what was ${what}, and what is not damaged is given`, async ({ dir, store }) => {
    const part = { start: 40_000, end: 44_096 }
    if (what === 'read before') {
      await store.open([text, raw], memory)
      for (let i = 0; i < 2; i++) await store.openPart(raw, part, memory)
    }
    await damage(dir, raw.bytes, 40_001)
    assert.is((await failureOf(store.open([raw], memory))).code, 'E_INTEGRITY')
    assert.is((await failureOf(store.openPart(raw, part, memory))).code, 'E_INTEGRITY')
    await damage(dir, text.bytes, text.bytes.length >> 1)
    assert.is((await failureOf(store.open([text], memory))).code, 'E_INTEGRITY')
    assert.is((await failureOf(store.openPart(text, part, memory))).code, 'E_INTEGRITY')
  })
}

test('a sector that cannot be read is damage, and nothing is read any more when that is told', async () => {
  const broken = () => Promise.reject(Object.assign(new Error('sector'), { code: 'EIO' }))
  const slow = Promise.withResolvers<void>()
  const pack = (id: number, descriptor: () => Promise<number>) => ({
    id,
    descriptor,
    retain() {},
    release() {},
  })
  const packs = [pack(0, broken), pack(1, () => slow.promise.then(broken))]
  const locate = (digest: Uint8Array) => {
    const { codec, length, bytes } = digest === raw.digest ? raw : text
    return { pack: digest === raw.digest ? 0 : 1, offset: 8, codec, length, stored: bytes.length }
  }
  const files = { get: (id: number) => packs[id], async trim() {} }
  const parts = { index: { find: locate }, files, frames: {} }
  const opener = new BlockOpener(parts as unknown as ConstructorParameters<typeof BlockOpener>[0])
  let isTold = false
  const failure = failureOf(opener.open([raw, text], memory)).finally(() => {
    isTold = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.is(isTold, false)
  slow.resolve()
  assert.is((await failure).code, 'E_INTEGRITY')
})

test('what a pack does not have any more is damaged, so that it can be fetched again', async ({
  dir,
  store,
}) => {
  const part = { start: 40_000, end: 44_096 }
  for (let i = 0; i < 2; i++) await store.openPart(raw, part, memory)
  for (const path of await packPaths(dir)) await truncate(path, 100)
  assert.is((await failureOf(store.open([raw], memory))).code, 'E_INTEGRITY')
  assert.is((await failureOf(store.openPart(raw, part, memory))).code, 'E_INTEGRITY')
})

test.run()
