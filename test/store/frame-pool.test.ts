import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Frame } from '../../src/core/frame.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { FramePool } from '../../src/store/frame-pool.ts'
import { type FrameEntry, packFrames } from '../../src/store/frame-table.ts'
import { blockBytes, frameOf, framesOf } from '../fixtures/blocks.ts'
import { failsWith } from '../fixtures/pack-dir.ts'

const test = suite('frame pool')
const pool = new FramePool({ workers: 2 })
test.after(() => pool.close())

const isRight = (frame: Frame): boolean => {
  try {
    decodeFrame(frame)
    return true
  } catch {
    return false
  }
}

test('says of each frame whether it is right, and leaves the frames alone', async () => {
  const frames = framesOf(200, { length: 17_000 })
  frames[3] = { ...frameOf(3), digest: frameOf(4).digest }
  frames[150] = { ...frameOf(1000), length: 4095 }
  const valid = await pool.verify(frames)
  assert.equal(
    valid.flatMap((ok, i) => (ok ? [] : [i])),
    [3, 150],
  )
  assert.ok(frames.every(({ bytes }) => bytes.length > 0))
  assert.equal(await pool.verify([]), [])
})

test('gives the blocks of frames in order', async () => {
  const frames = framesOf(150, { length: 17_001 })
  const blocks = await pool.inflate(frames)
  for (const [i, block] of blocks.entries()) assert.is(Buffer.compare(block, blockBytes(i, 17_001)), 0)
  assert.equal(await pool.inflate([]), [])
})

test('gives no block when one of the frames is wrong', async () => {
  const wrong = { ...frameOf(3), digest: frameOf(4).digest }
  await failsWith('E_INTEGRITY', pool.inflate([...framesOf(5), wrong]))
})

test('moves a run to a worker and gives it back with its frames', async () => {
  const frames = framesOf(60)
  frames[7] = { ...frameOf(7), digest: frameOf(8).digest }
  const { buffer, entries } = packFrames(frames)
  const run = await pool.verifyRun({ buffer, frames: entries })
  assert.is(buffer.length, 0)
  for (const [i, frame] of run.frames.entries()) {
    assert.is(run.valid[i], i !== 7)
    if (frame !== undefined) assert.is(Buffer.compare(decodeFrame(frame), blockBytes(i)), 0)
  }
  assert.is(run.frames[7], undefined)
})

test('copies a run that is part of a larger buffer', async () => {
  const { buffer, entries } = packFrames(framesOf(6))
  const message = Buffer.concat([Buffer.from('head'), buffer])
  const run = await pool.verifyRun({ buffer: message.subarray(4), frames: entries })
  assert.equal(run.valid, Array(6).fill(true))
  assert.is(message.length, buffer.length + 4)
})

test('finds entries that do not lie in their buffer', async () => {
  const { buffer, entries } = packFrames(framesOf(4))
  const [a, b, c, d] = entries as [FrameEntry, FrameEntry, FrameEntry, FrameEntry]
  const frames = [a, { ...b, offset: buffer.length }, { ...c, storedLength: 1e12 }, { ...d, offset: -1 }]
  const { valid } = await pool.verifyRun({ buffer, frames })
  assert.equal(valid, [true, false, false, false])
})

test('agrees with decodeFrame on damaged runs', async () => {
  const good = framesOf(12, { length: 4096 })
  const damage = fc.record({
    frame: fc.nat(11),
    at: fc.nat(3000),
    flip: fc.integer({ min: 0, max: 255 }),
    cut: fc.nat(9),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { maxLength: 4 }), async (damages) => {
      const frames = good.map((frame) => ({ ...frame, bytes: frame.bytes.slice() }))
      for (const { frame, at, flip, cut } of damages) {
        const hit = frames[frame] as (typeof frames)[0]
        hit.bytes[at] = (hit.bytes[at] ?? 0) ^ flip
        if (cut === 0) hit.bytes = hit.bytes.subarray(0, at)
      }
      assert.equal(await pool.verify(frames), frames.map(isRight))
    }),
    { numRuns: 60 },
  )
})

/** Two frames whose bytes are divided in the wrong place: together they inflate to the right blocks. */
test('does not take a run that is right only as a whole', async () => {
  const frames = framesOf(9).map((frame, i) => (i % 3 === 0 ? frameOf(i + 1) : frame))
  const { buffer, entries } = packFrames(frames)
  const shifted = entries.map((entry, i) => {
    if (i === 4) return { ...entry, storedLength: entry.storedLength - 3 }
    if (i === 5) return { ...entry, offset: entry.offset - 3, storedLength: entry.storedLength + 3 }
    return entry
  })
  const { valid } = await pool.verifyRun({ buffer, frames: shifted })
  assert.equal(
    valid.flatMap((ok, i) => (ok ? [] : [i])),
    [4, 5],
  )
})

test('refuses work after it was closed', async () => {
  const other = new FramePool({ workers: 1 })
  await other.close()
  await failsWith('E_STATE', other.verify(framesOf(1)))
})

test.run()
