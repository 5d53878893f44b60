import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { IntegrityError, InvalidError } from '../../src/core/errors.ts'
import { CODEC_RAW, CODEC_ZSTD, type Codec, type Frame } from '../../src/core/frame.ts'
import { decodeFrame, encodeFrame, isBlock } from '../../src/core/frame-codec.ts'
import { BLOCK_BYTES_MAX } from '../../src/core/limits.ts'

const test = suite('frame codec')

const text = (length: number) => new Uint8Array(length).map((_, i) => (i >> 5) ^ (i & 7))

function refuses(frame: Frame): void {
  assert.throws(
    () => decodeFrame(frame),
    (error: unknown) => error instanceof IntegrityError,
  )
  assert.is(isBlock(frame), false)
}

test('gives every block back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 20_000 }), fc.boolean(), (bytes, repeat) => {
      const block = repeat ? Buffer.concat([bytes, bytes, bytes]) : bytes
      const frame = encodeFrame(block)
      assert.is(frame.length, block.length)
      assert.ok(frame.bytes.length <= block.length)
      assert.is(Buffer.compare(decodeFrame(frame), block), 0)
      assert.ok(isBlock(frame))
    }),
    { numRuns: 200 },
  )
})

test('keeps what does not shrink as it is, and blocks of every size', () => {
  assert.is(encodeFrame(Uint8Array.of(1)).codec, CODEC_RAW)
  assert.is(encodeFrame(text(4096)).codec, CODEC_ZSTD)
  const largest = text(BLOCK_BYTES_MAX)
  assert.is(Buffer.compare(decodeFrame(encodeFrame(largest)), largest), 0)
  const node = text(BLOCK_BYTES_MAX + 1)
  assert.is(encodeFrame(node).codec, CODEC_RAW)
  assert.is(decodeFrame(encodeFrame(node)).length, node.length)
})

test('refuses to make a frame of nothing', () => {
  assert.throws(
    () => encodeFrame(new Uint8Array()),
    (error: unknown) => error instanceof InvalidError,
  )
})

test('refuses a bomb without taking its memory', () => {
  const bomb = zstdCompressSync(Buffer.alloc(512 * 1024 * 1024))
  const before = process.memoryUsage().arrayBuffers
  refuses({ digest: new Uint8Array(32), codec: CODEC_ZSTD, length: BLOCK_BYTES_MAX, bytes: bomb })
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * BLOCK_BYTES_MAX)
})

test('refuses a frame that asks for a large window', () => {
  // RFC 8878: no single segment, window descriptor 17 << 3 = 2^27, one raw last block of 5 bytes.
  const head = [0x28, 0xb5, 0x2f, 0xfd, 0x00]
  const body = [0x29, 0, 0, 1, 2, 3, 4, 5]
  const digest = digestOf(Uint8Array.of(1, 2, 3, 4, 5))
  refuses({ digest, codec: CODEC_ZSTD, length: 5, bytes: Uint8Array.of(...head, 17 << 3, ...body) })
})

test('refuses a length that is one off, and frames with something behind', () => {
  const frame = encodeFrame(text(9000))
  refuses({ ...frame, length: 9001 })
  refuses({ ...frame, length: 8999 })
  refuses({ ...frame, bytes: Buffer.concat([frame.bytes, frame.bytes]) })
  refuses({ ...frame, bytes: frame.bytes.subarray(0, -1) })
  refuses({ ...frame, digest: frame.digest.subarray(1) })
})

test('accepts what another compressor made', () => {
  const block = text(16_384)
  const params = { [constants.ZSTD_c_compressionLevel]: 19 }
  const bytes = zstdCompressSync(block, { params })
  const frame: Frame = { digest: digestOf(block), codec: CODEC_ZSTD, length: block.length, bytes }
  assert.is(Buffer.compare(decodeFrame(frame), block), 0)
})

test('opens frames of every form, one after the other, and none that is cut or has something behind', () => {
  const form = fc.record({
    length: fc.oneof(fc.constantFrom(4096, 8192, BLOCK_BYTES_MAX), fc.integer({ min: 600, max: 9000 })),
    level: fc.integer({ min: 1, max: 6 }),
    size: fc.nat(1),
    checksum: fc.nat(1),
    cut: fc.integer({ min: 1, max: 9 }),
  })
  fc.assert(
    fc.property(form, ({ length, level, size, checksum, cut }) => {
      const block = text(length)
      const params = {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_contentSizeFlag]: size,
        [constants.ZSTD_c_checksumFlag]: checksum,
        [constants.ZSTD_c_windowLog]: 18,
      }
      const bytes = zstdCompressSync(block, { params })
      const frame: Frame = { digest: digestOf(block), codec: CODEC_ZSTD, length, bytes }
      assert.is(Buffer.compare(decodeFrame(frame), block), 0)
      refuses({ ...frame, bytes: bytes.subarray(0, -cut) })
      refuses({ ...frame, bytes: Buffer.concat([bytes, bytes.subarray(0, cut)]) })
      assert.is(Buffer.compare(decodeFrame(frame), block), 0)
    }),
    { numRuns: 100 },
  )
})

test('throws nothing but IntegrityError on hostile frames', () => {
  const hostile = fc.record({
    digest: fc.uint8Array({ maxLength: 40 }),
    codec: fc.integer({ min: 0, max: 255 }) as fc.Arbitrary<Codec>,
    length: fc.oneof(fc.integer(), fc.double(), fc.integer({ min: 0, max: 400 })),
    bytes: fc.uint8Array({ maxLength: 300 }),
  })
  fc.assert(
    fc.property(hostile, (frame) => refuses(frame)),
    { numRuns: 500 },
  )
})

test('throws nothing but IntegrityError on a damaged frame', () => {
  const frame = encodeFrame(text(5000))
  fc.assert(
    fc.property(fc.nat(frame.bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = frame.bytes.slice()
      bytes[at] = (bytes[at] ?? 0) ^ flip
      try {
        assert.is(Buffer.compare(decodeFrame({ ...frame, bytes }), text(5000)), 0)
      } catch (error) {
        assert.instance(error, IntegrityError)
      }
    }),
    { numRuns: 500 },
  )
})

test.run()
