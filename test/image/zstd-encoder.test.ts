import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { CODEC_ZSTD } from '../../src/core/frame.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { ZstdEncoder } from '../../src/image/zstd-encoder.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('zstd encoder')

function opened(): ZstdEncoder {
  const encoder = ZstdEncoder.open()
  if (encoder === undefined) throw new RangeError('the fast way does not work with this Node.js')
  return encoder
}

test('works with the Node.js that the project uses', () => {
  opened()
})

test('every frame is complete, whatever came before it', () => {
  const encoder = opened()
  const block = fc.tuple(fc.integer({ min: 1, max: 262_144 }), fc.integer({ min: 0, max: 64 }))
  fc.assert(
    fc.property(block, ([length, period]) => {
      const bytes =
        period === 0 ? noise(`${length}`, length) : Buffer.alloc(length, noise(`${length}`, period))
      const frame = encoder.encode(bytes)
      if (frame === undefined) return
      assert.ok(frame.length < length)
      const decoded = decodeFrame({ digest: digestOf(bytes), codec: CODEC_ZSTD, length, bytes: frame })
      assert.is(Buffer.compare(decoded, bytes), 0)
    }),
    { numRuns: 100 },
  )
})

test('blocks that do not shrink have no frame', () => {
  const encoder = opened()
  for (const length of [1, 4096, 262_144]) assert.is(encoder.encode(noise('dense', length)), undefined)
  assert.ok(encoder.encode(Buffer.alloc(262_144, 'after them')))
})

test.run()
