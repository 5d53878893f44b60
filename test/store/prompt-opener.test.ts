import { truncate } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFrame } from '../../src/core/frame-codec.ts'
import { openPackStore, type PackStore } from '../../src/store/pack-store.ts'
import { failureOf } from '../fixtures/failure.ts'
import { noise } from '../fixtures/noise.ts'
import { damage, packPaths } from '../fixtures/pack-dir.ts'
import { temporaryDir } from '../fixtures/scratch.ts'
import { SteppingClock } from '../fixtures/stepping-clock.ts'

const test = suite<{ dir: string; clock: SteppingClock; store: PackStore; remove: () => Promise<void> }>(
  'blocks opened at once',
)

const TEXTS = Array.from({ length: 5 }, (_, i) => Buffer.alloc(20_000 + i, `abcdefgh${i}`))
const NOISES = Array.from({ length: 3 }, (_, i) => Buffer.from(noise(`raw ${i}`, 100_000 + i)))
const texts = TEXTS.map((bytes) => encodeFrame(bytes))
const raws = NOISES.map((bytes) => encodeFrame(bytes))
const [text = raws[0], raw = texts[0]] = [texts[0], raws[0]]
if (text === undefined || raw === undefined) throw new TypeError('no blocks')
const part = { start: 40_000, end: 44_096 }

/** Memory that counts what is not given back. */
function countedMemory() {
  const taken = new Set<Buffer>()
  const take = (length: number) => {
    const bytes = Buffer.alloc(length)
    taken.add(bytes)
    return bytes
  }
  return { taken, take, give: (bytes: Buffer) => void taken.delete(bytes) }
}

test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  // it stands still: no read is slow
  context.clock = new SteppingClock()
  context.store = await openPackStore({ dir: context.dir }, { clock: context.clock })
  await context.store.put([...texts, ...raws])
  await context.store.flush()
})
test.after.each(async ({ store, remove }) => {
  await store.close()
  await remove()
})

test('gives blocks in the order in which they were asked for, of all kinds and more than once', ({
  store,
}) => {
  const [t0, t1, t2, t3, t4] = texts
  const [r0, r1, r2] = raws
  for (const wanted of [[t0, t1, t2, t3, t4], [r0, r1, r2], [r2, t4, t4, r0], [t3], [t1, r1, t0, t1]]) {
    for (let i = 0; i < 2; i++) {
      const memory = countedMemory()
      const opened = store.openNow(
        wanted.filter((frame) => frame !== undefined),
        memory,
      )
      assert.is(opened?.length, wanted.length)
      wanted.forEach((frame, at) => {
        const right = [...TEXTS, ...NOISES][[...texts, ...raws].indexOf(frame ?? text)]
        assert.is(Buffer.compare(opened?.[at] ?? Buffer.alloc(0), right ?? Buffer.alloc(0)), 0)
      })
      const bytes = [...memory.taken].reduce((sum, { length }) => sum + length, 0)
      assert.ok(bytes <= wanted.reduce((sum, frame) => sum + (frame?.length ?? 0), 0) + 2000)
    }
  }
})

test('of a block that rests as it is a part is enough, once all of it was checked', ({ store }) => {
  const first = store.openPartNow(raw, part)
  assert.equal([first?.start, first?.bytes.length], [0, raw.length])
  const again = store.openPartNow(raw, part)
  assert.equal([again?.start, again?.bytes.length], [32_768, 16_384])
  assert.is(Buffer.compare(again?.bytes ?? text.bytes, raw.bytes.subarray(32_768, 49_152)), 0)
  const whole = store.openPartNow(text, { start: 10, end: 20 })
  assert.is(Buffer.compare(whole?.bytes ?? raw.bytes, TEXTS[0] ?? raw.bytes), 0)
})

test('leaves to others what is not here, has another length, or is too much', async ({ store }) => {
  const memory = countedMemory()
  const absent = encodeFrame(noise('absent', 5000))
  const wrong = { digest: raw.digest, length: raw.length - 1 }
  for (const wanted of [[absent], [text, absent], [wrong], [text, wrong]])
    assert.is(store.openNow(wanted, memory), undefined)
  assert.is(store.openPartNow(absent, part), undefined)
  assert.is(store.openPartNow(wrong, part), undefined)
  assert.ok(store.openNow(new Array(10).fill(raw), memory))
  assert.is(store.openNow(new Array(11).fill(raw), memory), undefined)
  await store.delete([raw.digest])
  assert.is(store.openNow([raw], memory), undefined)
  assert.is(store.openPartNow(raw, part), undefined)
})

for (const what of ['never read before', 'read before']) {
  test(`gives nothing that is damaged of what was ${what}, and keeps no memory for it`, async ({
    dir,
    store,
  }) => {
    if (what === 'read before') {
      assert.ok(store.openNow([text, raw], countedMemory()))
      for (let i = 0; i < 2; i++) assert.ok(store.openPartNow(raw, part))
    }
    const memory = countedMemory()
    await damage(dir, raw.bytes, 40_001)
    for (const wanted of [[raw], [text, raw], [raw, text]]) {
      assert.is(store.openNow(wanted, memory), undefined)
      assert.is(memory.taken.size, 0)
    }
    assert.is(store.openPartNow(raw, part), undefined)
    assert.is((await failureOf(store.open([raw], memory))).code, 'E_INTEGRITY')
    assert.ok(store.openNow([text], memory))
    await damage(dir, text.bytes, text.bytes.length >> 1)
    assert.is(store.openNow([text], memory), undefined)
    assert.is(store.openPartNow(text, { start: 0, end: 10 }), undefined)
    for (const path of await packPaths(dir)) await truncate(path, 100)
    assert.is(store.openNow([raw], memory), undefined)
    assert.is(store.openPartNow(raw, part), undefined)
  })
}

test('finds blocks where they are after they were moved', async ({ store }) => {
  assert.ok(store.openNow([...texts, ...raws], countedMemory()))
  await store.delete(raws.map(({ digest }) => digest))
  const { packs } = await store.compact({ deadShare: 0 })
  assert.ok(packs > 0)
  // the first look opens the file
  await store.open(texts, countedMemory())
  const opened = store.openNow(texts, countedMemory())
  opened?.forEach((bytes, i) => void assert.is(Buffer.compare(bytes, TEXTS[i] ?? raw.bytes), 0))
  assert.is(opened?.length, texts.length)
})

test('leaves a disk that is slow to others, for a time', ({ store, clock }) => {
  const isOpened = () => store.openNow([text], countedMemory()) !== undefined
  assert.ok(isOpened())
  clock.stepMs = 8
  assert.ok(isOpened())
  clock.stepMs = 0
  assert.not(isOpened())
  assert.is(store.openPartNow(raw, part), undefined)
  clock.ms += 1600
  assert.ok(isOpened())
  assert.ok(store.openPartNow(raw, part))
})

test('a store that is closed gives nothing', async ({ store }) => {
  await store.close()
  assert.is(store.openNow([text], countedMemory()), undefined)
  assert.is(store.openPartNow(text, part), undefined)
})

test.run()
