import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlockStore } from '../../src/core/blockstore.ts'
import { type Digest, digestKey } from '../../src/core/cid.ts'
import { BootswarmError } from '../../src/core/errors.ts'
import { CODEC_RAW, type Frame } from '../../src/core/frame.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { blockBytes, digestsOf, frameOf, framesOf } from '../fixtures/blocks.ts'

export interface StoreUnderTest {
  readonly store: BlockStore
  /** Ends the store and removes what it left behind. */
  close(): Promise<void>
}

/** What every store does. `open` gives an empty store, large enough for 8 MB. */
export function testBlockStore(name: string, open: () => Promise<StoreUnderTest>): void {
  const test = suite(`${name}, as every store`)
  const on = (title: string, body: (store: BlockStore) => Promise<void>) =>
    test(title, async () => {
      const { store, close } = await open()
      try {
        await body(store)
      } finally {
        await close()
      }
    })

  on('is empty at first', async (store) => {
    assert.equal(await store.stat(), { blocks: 0, storedBytes: 0 })
    assert.equal(await keysOf(store), [])
    assert.equal(await store.has(digestsOf(framesOf(2))), [false, false])
    assert.equal(await store.get(digestsOf(framesOf(2))), [undefined, undefined])
  })

  on('gives back what was put, in the order that it is asked in', async (store) => {
    const frames = framesOf(20)
    await store.put(frames)
    const absent = frameOf(1000)
    const asked = [...frames.slice(10), absent, ...frames.slice(0, 10).reverse()]
    assert.equal(
      await store.has(digestsOf(asked)),
      asked.map((frame) => frame !== absent),
    )
    const answer = await store.get(digestsOf(asked))
    assert.is(answer.length, asked.length)
    for (const [i, frame] of asked.entries()) {
      if (frame === absent) assert.is(answer[i], undefined)
      else sameBlock(answer[i], frame)
    }
  })

  on('has bytes of its own once put has resolved', async (store) => {
    const frames = framesOf(6)
    const lent = frames.map((frame) => ({ ...frame, bytes: frame.bytes.slice() }))
    await store.put(lent)
    for (const { bytes } of lent) bytes.fill(0xee)
    await store.put(framesOf(2, { first: 100 }))
    for (const [i, frame] of (await store.get(digestsOf(frames))).entries()) sameBlock(frame, frames[i])
  })

  on('answers a digest that is asked twice, twice', async (store) => {
    const frame = frameOf(1)
    await store.put([frame])
    const answer = await store.get([frame.digest, frame.digest])
    sameBlock(answer[0], frame)
    sameBlock(answer[1], frame)
  })

  on('does nothing for empty batches', async (store) => {
    await store.put([])
    await store.delete([])
    assert.equal(await store.has([]), [])
    assert.equal(await store.get([]), [])
    assert.is((await store.stat()).blocks, 0)
  })

  on('keeps one of what is put again, or twice in a batch', async (store) => {
    const frames = framesOf(3)
    await store.put([...frames, ...frames])
    const before = await store.stat()
    await store.put(frames)
    assert.equal(await store.stat(), before)
    assert.is(before.blocks, 3)
    assert.is((await keysOf(store)).length, 3)
  })

  on('takes the same blocks from many callers at once', async (store) => {
    const frames = framesOf(30)
    await Promise.all([0, 5, 10, 15].map((first) => store.put(frames.slice(first, first + 15))))
    assert.is((await store.stat()).blocks, 30)
    for (const [i, frame] of (await store.get(digestsOf(frames))).entries()) sameBlock(frame, frames[i])
  })

  on('keeps blocks of one byte, of the largest size, and large nodes', async (store) => {
    const largest = blockBytes(3, 256 * 1024)
    const frames = [frameOf(1, 1), frameOf(2, 256 * 1024), frameOf(4, 300 * 1024)]
    const raw: Frame = { ...frameOf(3, 256 * 1024), codec: CODEC_RAW, bytes: largest }
    await store.put([...frames, raw])
    const answer = await store.get(digestsOf([...frames, raw]))
    for (const [i, frame] of [...frames, raw].entries()) sameBlock(answer[i], frame)
  })

  on('lists every digest once', async (store) => {
    const frames = framesOf(50, { length: 64 })
    await store.put(frames)
    assert.equal(await keysOf(store), digestsOf(frames).map(digestKey).sort())
  })

  on('forgets what is deleted, keeps the rest, and takes it again', async (store) => {
    const frames = framesOf(10)
    await store.put(frames)
    const [gone, kept] = [frames.slice(0, 4), frames.slice(4)]
    await store.delete([...digestsOf(gone), frameOf(1000).digest])
    assert.equal(await store.has(digestsOf(frames)), [...gone.map(() => false), ...kept.map(() => true)])
    assert.equal(
      await store.get(digestsOf(gone)),
      gone.map(() => undefined),
    )
    assert.is((await store.stat()).blocks, kept.length)
    assert.equal(await keysOf(store), digestsOf(kept).map(digestKey).sort())
    await store.put(gone)
    for (const [i, frame] of (await store.get(digestsOf(frames))).entries()) sameBlock(frame, frames[i])
  })

  on('counts the bytes that it keeps', async (store) => {
    const frames = framesOf(10)
    await store.put(frames)
    const { storedBytes } = await store.stat()
    assert.ok(storedBytes >= frames.reduce((sum, { bytes }) => sum + bytes.length, 0))
    await store.delete(digestsOf(frames))
    assert.equal(await store.stat(), { blocks: 0, storedBytes: 0 })
  })

  on('refuses frames of impossible form, and stores nothing of their batch', async (store) => {
    const good = frameOf(1)
    const wrong: Frame[] = [
      { ...good, length: 0, bytes: new Uint8Array() },
      { ...good, codec: CODEC_RAW, length: good.length + 1 },
      { ...good, digest: good.digest.subarray(1) },
      { ...good, length: 1 << 30 },
    ]
    for (const frame of wrong) {
      const error = await store.put([frameOf(2), frame]).catch((caught: unknown) => caught)
      assert.instance(error, BootswarmError)
    }
    assert.is((await store.stat()).blocks, 0)
  })

  test.run()
}

async function keysOf(store: BlockStore): Promise<string[]> {
  const digests: Digest[] = []
  for await (const digest of store.list()) digests.push(digest)
  return digests.map(digestKey).sort()
}

/** A store may keep a block with another codec. */
function sameBlock(answer: Frame | undefined, frame: Frame | undefined): void {
  if (answer === undefined || frame === undefined) throw new TypeError('no frame')
  assert.is(digestKey(answer.digest), digestKey(frame.digest))
  assert.is(answer.length, frame.length)
  assert.is(Buffer.compare(decodeFrame(answer), decodeFrame(frame)), 0)
}
