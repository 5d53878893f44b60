import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Frame } from '../../src/core/frame.ts'
import { encodeFrame } from '../../src/core/frame-codec.ts'
import type { PlacedBlocks } from '../../src/store/pack-opener.ts'
import { openPackStore, type PackStore } from '../../src/store/pack-store.ts'
import { failureOf } from '../fixtures/failure.ts'
import { noise } from '../fixtures/noise.ts'
import { temporaryDir } from '../fixtures/scratch.ts'

const test = suite<{ dir: string; store: PackStore; remove: () => Promise<void> }>('blocks opened in workers')

/** One that compresses and one that does not. */
const packed = encodeFrame(Buffer.alloc(20_000, 'abcdefgh'))
const raw = encodeFrame(noise('raw', 9000))

test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  context.store = await openPackStore({ dir: context.dir })
  await context.store.put([packed, raw])
})
test.after.each(async ({ store, remove }) => {
  await store.close()
  await remove()
})

interface Placed {
  readonly frame: Frame
  readonly length?: number
  readonly place: number
}

function placed(...blocks: Placed[]): PlacedBlocks {
  return {
    digests: Buffer.concat(blocks.map(({ frame }) => frame.digest)),
    lengths: Uint32Array.from(blocks, ({ frame, length }) => length ?? frame.length),
    places: Uint32Array.from(blocks, ({ place }) => place),
  }
}

function targetOf(bytes: number): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(bytes + 1)).fill(7)
}

test('puts blocks in their places, in any order of the pack, and zeros between them', async ({ store }) => {
  const target = targetOf(40_000)
  const blocks = placed({ frame: raw, place: 100 }, { frame: packed, place: 10_000 })
  for (let i = 0; i < 2; i++) {
    await store.openInto(blocks, target)
    const expected = Buffer.alloc(40_001)
    noise('raw', 9000).forEach((byte, at) => {
      expected[100 + at] = byte
    })
    Buffer.alloc(20_000, 'abcdefgh').copy(expected, 10_000)
    assert.ok(Buffer.from(target).equals(expected))
    target.fill(9)
  }
})

test('says how many blocks are not there', async ({ store }) => {
  const lost = placed({ frame: encodeFrame(noise('lost', 10)), place: 0 })
  const failure = await failureOf(store.openInto(lost, targetOf(10)))
  assert.equal([failure.code, failure.data], ['E_NOT_FOUND', { missing: 1 }])
})

test('a block of another length than the manifest gives is refused', async ({ store }) => {
  const blocks = placed({ frame: raw, length: 9001, place: 0 })
  assert.is((await failureOf(store.openInto(blocks, targetOf(9001)))).code, 'E_INTEGRITY')
})

test('finds bytes that changed on the disk, before and after the block was first checked', async ({
  dir,
  store,
}) => {
  for (const frame of [raw, packed]) {
    const { length, bytes } = frame
    const blocks = placed({ frame, place: 0 })
    await store.flush()
    const path = join(dir, 'packs', (await readdir(join(dir, 'packs')))[0] ?? '')
    const good = await readFile(path)
    const bad = Buffer.from(good)
    const at = good.indexOf(bytes) + (bytes.length >> 1)
    bad[at] = (bad[at] ?? 0) ^ 1
    await store.openInto(blocks, targetOf(length))
    await writeFile(path, bad)
    assert.is((await failureOf(store.openInto(blocks, targetOf(length)))).code, 'E_INTEGRITY')
    await writeFile(path, good)
    await store.openInto(blocks, targetOf(length))
  }
})

test.run()
