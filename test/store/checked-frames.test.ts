import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFrame } from '../../src/core/frame-codec.ts'
import { CheckedFrames } from '../../src/store/checked-frames.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('checked frames')
const frame = encodeFrame(noise('a', 5000))

test('knows a frame that was added, in every thread that has the memory', () => {
  const frames = new CheckedFrames()
  const { crc, isChecked } = frames.look(frame)
  assert.is(isChecked, false)
  frames.add(frame, crc)
  assert.is(new CheckedFrames({ memory: frames.memory }).look(frame).isChecked, true)
})

test('does not know the same frame with other bytes', () => {
  const frames = new CheckedFrames()
  frames.add(frame, frames.look(frame).crc)
  const bytes = Buffer.from(frame.bytes)
  bytes[77] = (bytes[77] ?? 0) ^ 0x10
  assert.is(frames.look({ ...frame, bytes }).isChecked, false)
})

test('forgets one for another when it is full, and never takes one for another', () => {
  const frames = new CheckedFrames({ slotsMin: 2, slotsMax: 2 })
  const many = Array.from({ length: 50 }, (_, i) => encodeFrame(noise(`${i}`, 100)))
  for (const one of many) {
    assert.is(frames.look(one).isChecked, false)
    frames.add(one, frames.look(one).crc)
    assert.is(frames.look(one).isChecked, true)
  }
})

test('grows with what it knows up to its limit, and another thread goes on with the larger one', () => {
  const frames = new CheckedFrames({ slotsMin: 2, slotsMax: 4096 })
  const first = frames.memory
  const many = Array.from({ length: 200 }, (_, i) => encodeFrame(noise(`${i}`, 100)))
  for (const one of many) frames.add(one, frames.look(one).crc)
  assert.ok(frames.memory.byteLength > 200 * 16 && frames.memory.byteLength < 1024 * 20 + 100)
  // some were pushed out by another with the same slot
  const isKnown = (known: CheckedFrames) => many.filter((one) => known.look(one).isChecked).length
  assert.ok(isKnown(frames) > 120)
  const other = new CheckedFrames({ memory: frames.memory })
  assert.is(isKnown(other), isKnown(frames))
  assert.ok(isKnown(new CheckedFrames({ memory: first })) <= 2)
  const { byteLength } = other.memory
  for (const one of many) other.add(one, other.look(one).crc)
  assert.is(other.memory.byteLength, byteLength)
})

test('what other threads add makes it grow, and stays', () => {
  const frames = new CheckedFrames({ slotsMin: 16, slotsMax: 4096 })
  const worker = new CheckedFrames({ memory: frames.memory })
  const many = Array.from({ length: 40 }, (_, i) => encodeFrame(noise(`${i}`, 100)))
  for (const one of many) worker.add(one, worker.look(one).crc)
  const before = many.filter((one) => frames.look(one).isChecked).length
  assert.is(frames.memory.byteLength, 4 + 32 * 20)
  assert.is(many.filter((one) => frames.look(one).isChecked).length, before)
})

test.run()
