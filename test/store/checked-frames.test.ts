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
  assert.is(new CheckedFrames(frames.memory).look(frame).isChecked, true)
})

test('does not know the same frame with other bytes', () => {
  const frames = new CheckedFrames()
  frames.add(frame, frames.look(frame).crc)
  const bytes = Buffer.from(frame.bytes)
  bytes[77] = (bytes[77] ?? 0) ^ 0x10
  assert.is(frames.look({ ...frame, bytes }).isChecked, false)
})

test('forgets one for another when it is full, and never takes one for another', () => {
  const frames = new CheckedFrames(new SharedArrayBuffer(2 * 16))
  const many = Array.from({ length: 50 }, (_, i) => encodeFrame(noise(`${i}`, 100)))
  for (const one of many) {
    assert.is(frames.look(one).isChecked, false)
    frames.add(one, frames.look(one).crc)
    assert.is(frames.look(one).isChecked, true)
  }
})

test.run()
