import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ArrivedFrames,
  batchFrames,
  encodedFrameBytes,
  encodeFrames,
  FRAME_HEADER_BYTES,
  FrameDecoder,
  RUN_BUFFER_BYTES,
} from '../../src/api/frame-stream.ts'
import { digestOf } from '../../src/core/cid.ts'
import { BootswarmError, IntegrityError, LimitError, ProtocolError } from '../../src/core/errors.ts'
import { CODEC_RAW, CODEC_ZSTD, type Frame } from '../../src/core/frame.ts'
import { BufferPool } from '../../src/util/buffer-pool.ts'

const test = suite('frame stream')
const BYTES_MAX = 1024 * 1024
const buffers = new BufferPool({ bytes: RUN_BUFFER_BYTES, keepMax: 2 })

const frame = fc
  .record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 2000 }), more: fc.nat(1000), zstd: fc.boolean() })
  .map(({ bytes, more, zstd }): Frame => {
    const length = zstd ? bytes.length + 1 + more : bytes.length
    return { digest: digestOf(bytes), codec: zstd ? CODEC_ZSTD : CODEC_RAW, length, bytes }
  })

function decode(pieces: Iterable<Uint8Array>, bytesMax = BYTES_MAX): Frame[] {
  const decoder = new FrameDecoder({ buffers }, { bytesMax })
  const runs: ArrivedFrames[] = []
  for (const piece of pieces) runs.push(...decoder.push(piece))
  const last = decoder.end()
  return [...runs, ...(last === undefined ? [] : [last])].flatMap(({ buffer, frames }) =>
    frames.map(({ digest, codec, length, offset, storedLength }) => {
      return { digest, codec, length, bytes: buffer.subarray(offset, offset + storedLength) }
    }),
  )
}

function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    yield bytes.slice(at, at + size)
    at += size
  }
}

function plain(frames: readonly Frame[]) {
  return frames.map(({ digest, codec, length, bytes }) => [codec, length, [...digest], [...bytes]])
}

test('gives back what was encoded, however it is cut', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), sizes, (frames, cuts) => {
      assert.equal(plain(decode(cut(encodeFrames(frames), cuts))), plain(frames))
    }),
    { numRuns: 200 },
  )
})

test('gives full buffers on, and large frames in buffers of their own', () => {
  const large = new Uint8Array(3 * 1024 * 1024).map((_, i) => i)
  const sizes = [1, large.length, 100_000, 8 * 1024 * 1024, 5, large.length, 70_000]
  const bytes = new Uint8Array(8 * 1024 * 1024).map((_, i) => i >> 7)
  const frames = sizes.map((size): Frame => {
    const block = bytes.subarray(0, size)
    return { digest: digestOf(block), codec: CODEC_RAW, length: size, bytes: block }
  })
  for (const cuts of [[65_536], [1_000_003], [2 ** 25]]) {
    const found = decode(cut(encodeFrames(frames), cuts), 2 ** 25)
    assert.is(found.length, frames.length)
    found.forEach((frame, i) => {
      assert.is(Buffer.compare(frame.bytes, frames[i]?.bytes ?? frame.digest), 0)
      assert.equal([...frame.digest], [...(frames[i]?.digest ?? [])])
    })
  }
})

test('says so when the stream ends inside a frame', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (frames, share) => {
        const whole = encodeFrames(frames)
        const ends = new Set<number>([0])
        let end = 0
        for (const one of frames) {
          end += encodedFrameBytes(one)
          ends.add(end)
        }
        const at = Math.floor(share * whole.length)
        if (ends.has(at)) assert.not.throws(() => decode([whole.subarray(0, at)]))
        else
          assert.throws(
            () => decode([whole.subarray(0, at)]),
            (error: unknown) => error instanceof IntegrityError,
          )
      },
    ),
  )
})

test('answers any bytes with frames or a typed error, within bounds', () => {
  const head = fc
    .tuple(fc.integer({ min: 0, max: 2 }), fc.nat(0xffffffff), fc.nat(0xffffffff))
    .map(([codec, length, stored]) => {
      const bytes = Buffer.alloc(FRAME_HEADER_BYTES)
      bytes.writeUInt8(codec)
      bytes.writeUInt32LE(length, 1)
      bytes.writeUInt32LE(stored, 5)
      return new Uint8Array(bytes)
    })
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 500 }),
    fc.array(head, { maxLength: 4 }).map((heads) => Buffer.concat(heads)),
  )
  fc.assert(
    fc.property(anything, (bytes) => {
      try {
        decode([bytes])
      } catch (error) {
        assert.instance(error, BootswarmError)
      }
    }),
    { numRuns: 500 },
  )
})

test('refuses an unknown codec, an impossible length, a stored length that does not fit', () => {
  const bytes = new Uint8Array(100)
  const good: Frame = { digest: digestOf(bytes), codec: CODEC_RAW, length: 100, bytes }
  const wrong: Partial<Frame>[] = [
    { codec: 7 as 1 },
    { length: 99 },
    { codec: CODEC_ZSTD },
    { codec: CODEC_ZSTD, length: 2 ** 24 },
  ]
  for (const change of wrong) {
    assert.throws(
      () => decode([encodeFrames([{ ...good, ...change }])]),
      (e: unknown) => e instanceof ProtocolError,
    )
  }
  assert.throws(() => decode([encodeFrames([{ ...good, bytes: bytes.subarray(0, 0), length: 0 }])]))
})

test('refuses a stream that is longer than allowed', () => {
  const bytes = new Uint8Array(1000)
  const stream = encodeFrames([{ digest: digestOf(bytes), codec: CODEC_RAW, length: 1000, bytes }])
  assert.throws(
    () => decode([stream], stream.length - 1),
    (error: unknown) => error instanceof LimitError,
  )
  assert.is(decode([stream], stream.length).length, 1)
})

test('takes memory for what arrived, not for what was promised', () => {
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  header.writeUInt32LE(8 * 1024 * 1024, 1)
  header.writeUInt32LE(8 * 1024 * 1024, 5)
  const before = process.memoryUsage().arrayBuffers
  const decoders = Array.from({ length: 50 }, () => {
    const decoder = new FrameDecoder({ buffers }, { bytesMax: 16 * 1024 * 1024 })
    decoder.push(header)
    decoder.push(new Uint8Array(10))
    return decoder
  })
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024)
  assert.throws(() => decoders[0]?.end())
})

test('makes batches within their size, and alone what is larger', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), fc.integer({ min: 1, max: 4000 }), (frames, max) => {
      const batches = [...batchFrames(frames, max)]
      assert.equal(batches.flat(), frames)
      for (const batch of batches) {
        assert.ok(batch.length > 0)
        const size = batch.reduce((sum, one) => sum + encodedFrameBytes(one), 0)
        assert.ok(batch.length === 1 || size <= max)
      }
    }),
  )
})

test.run()
