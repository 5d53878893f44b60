import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CODEC_RAW, CODEC_SOLID, CODEC_ZSTD, type Frame } from '../../src/core/frame.ts'
import { decodeFrame, encodeFrame } from '../../src/core/frame-codec.ts'
import { RUN_BYTES_MAX } from '../../src/core/limits.ts'
import { packSolid } from '../../src/core/solid.ts'
import { FramePool } from '../../src/store/frame-pool.ts'
import type { FrameEntry } from '../../src/store/frame-table.ts'
import { blockBytes } from '../fixtures/blocks.ts'
import { noise } from '../fixtures/noise.ts'
import { failsWith } from '../fixtures/pack-dir.ts'

const test = suite('runs with a solid frame')
const pool = new FramePool({ workers: 1 })
test.after(() => pool.close())

/** Blocks that compress, alone and together. */
const SEEDS = [1, 2, 4, 5, 7, 8]
const FRAMES = SEEDS.map((seed) => encodeFrame(blockBytes(seed, 20_000)))
const ALONE = encodeFrame(noise('alone', 5000))

/** A message as a peer sends it: one frame apart, then the others in a solid frame. */
async function message(solid?: Uint8Array) {
  const packed = solid ?? (await pool.packSolid(FRAMES)) ?? new Uint8Array(0)
  const buffer = new Uint8Array(Buffer.concat([ALONE.bytes, packed]))
  const place = { codec: CODEC_SOLID, offset: ALONE.bytes.length, storedLength: packed.length }
  const inside = FRAMES.map(({ digest, length }): FrameEntry => ({ digest, length, ...place }))
  const { digest, codec, length } = ALONE
  const apart: FrameEntry = { digest, codec, length, offset: 0, storedLength: length }
  return { buffer, frames: [...inside.slice(0, 2), apart, ...inside.slice(2)] }
}

const rightOnes = ({ frames }: { frames: (Frame | undefined)[] }) =>
  frames.flatMap((frame, i) => (frame === undefined ? [] : [i]))

test('blocks of a solid frame become frames like any others', async () => {
  const sent = await message()
  const bytes = sent.buffer.length
  const stored = FRAMES.reduce((sum, frame) => sum + frame.bytes.length, ALONE.bytes.length)
  assert.ok(bytes < stored, `${bytes} of ${stored}`)
  const { frames } = await pool.verifyRun(sent)
  assert.is(frames.length, 7)
  const expected = [...FRAMES.slice(0, 2), ALONE, ...FRAMES.slice(2)]
  for (const [i, frame] of frames.entries()) {
    assert.ok(frame)
    assert.ok(frame?.codec === CODEC_ZSTD || frame?.codec === CODEC_RAW)
    assert.is(Buffer.compare(decodeFrame(frame as Frame), decodeFrame(expected[i] as Frame)), 0)
  }
})

test('a block that is not what its digest names is left out, the others are right', async () => {
  const sent = await message()
  const other = FRAMES[0] as Frame
  sent.frames[4] = { ...(sent.frames[4] as FrameEntry), digest: other.digest }
  assert.equal(rightOnes(await pool.verifyRun(sent)), [0, 1, 2, 3, 5, 6])
})

test('a solid frame of other lengths than the table gives holds nothing', async () => {
  const shorter = packSolid(Buffer.alloc(20_000 * 6 - 1, 'x'))
  const longer = packSolid(Buffer.alloc(20_000 * 6 + 1, 'x'))
  const bomb = packSolid(Buffer.alloc(RUN_BYTES_MAX))
  for (const solid of [shorter, longer, bomb, noise('garbage', 900)])
    assert.equal(rightOnes(await pool.verifyRun(await message(solid))), [2])
})

test('tables that claim more than a run, or two places, or none in the buffer, hold nothing', async () => {
  const change = async (edit: (entry: FrameEntry, i: number) => FrameEntry) => {
    const sent = await message()
    return { ...sent, frames: sent.frames.map((entry, i) => (i === 2 ? entry : edit(entry, i))) }
  }
  const edits: ((entry: FrameEntry, i: number) => FrameEntry)[] = [
    (entry) => ({ ...entry, length: RUN_BYTES_MAX }),
    (entry) => ({ ...entry, length: 1e12 }),
    (entry, i) => ({ ...entry, offset: entry.offset + (i & 1) }),
    (entry) => ({ ...entry, storedLength: entry.storedLength + 1 }),
    (entry) => ({ ...entry, offset: 1e12 }),
  ]
  for (const edit of edits) assert.equal(rightOnes(await pool.verifyRun(await change(edit))), [2])
})

test('what cannot be made smaller together is not packed', async () => {
  const raw = Array.from({ length: 3 }, (_, i) => encodeFrame(noise(`${i}`, 9000)))
  assert.is(await pool.packSolid(raw), undefined)
})

test('a damaged frame is not packed', async () => {
  const [first, second] = FRAMES as [Frame, Frame]
  await failsWith('E_INTEGRITY', pool.packSolid([first, { ...second, length: second.length + 1 }]))
  await failsWith('E_INTEGRITY', pool.packSolid(Array(60).fill(first)))
})

test('while every worker packs, others are told to send frames as they rest', async () => {
  const [one, two, three] = await Promise.all([1, 2, 3].map(() => pool.packSolid(FRAMES)))
  assert.ok(one)
  assert.equal([two, three], [undefined, undefined])
  assert.ok(await pool.packSolid(FRAMES))
})

test.run()
