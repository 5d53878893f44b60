import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { CODEC_RAW, CODEC_ZSTD, type Frame } from '../../src/core/frame.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { openFrames } from '../../src/store/frame-opener.ts'
import { encodeTable, type FrameEntry, framesOf, packFrames } from '../../src/store/frame-table.ts'
import { isOneFrame } from '../../src/store/zstd-frame.ts'
import { blockBytes, frameOf } from '../fixtures/blocks.ts'

const test = suite('frame opener')

/** A frame as another compressor may make it: with or without content size and checksum, at any level. */
function foreignFrame(seed: number, { length, level, size, checksum }: Form): Frame {
  const block = blockBytes(seed * 3 + 1, length)
  const params = {
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_contentSizeFlag]: size ? 1 : 0,
    [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0,
    [constants.ZSTD_c_windowLog]: 18,
  }
  const bytes = zstdCompressSync(block, { params })
  const smaller = bytes.length < length
  return {
    digest: digestOf(block),
    codec: smaller ? CODEC_ZSTD : CODEC_RAW,
    length,
    bytes: smaller ? bytes : block,
  }
}

interface Form {
  length: number
  level: number
  size: boolean
  checksum: boolean
}

const form = fc.record({
  length: fc.oneof(fc.constantFrom(4096, 8192, 16_384, 262_144), fc.integer({ min: 1, max: 9000 })),
  level: fc.integer({ min: 1, max: 6 }),
  size: fc.boolean(),
  checksum: fc.boolean(),
})

function open(buffer: Uint8Array, entries: readonly FrameEntry[]): (Uint8Array | undefined)[] {
  const blocks: (Uint8Array | undefined)[] = []
  openFrames(framesOf(buffer, encodeTable(entries)), (block, i) => {
    assert.is(i, blocks.length)
    blocks.push(block?.slice())
  })
  return blocks
}

function expected(frame: Frame | undefined): Uint8Array | undefined {
  try {
    return frame && decodeFrame(frame)
  } catch {
    return undefined
  }
}

function assertAgrees(buffer: Uint8Array, entries: readonly FrameEntry[]): void {
  const blocks = open(buffer, entries)
  for (const [i, frame] of framesOf(buffer, encodeTable(entries)).entries()) {
    assert.is(Buffer.compare(blocks[i] ?? Buffer.of(), expected(frame) ?? Buffer.of()), 0, `frame ${i}`)
  }
}

test('opens frames of every form', () => {
  fc.assert(
    fc.property(fc.array(form, { minLength: 1, maxLength: 12 }), (forms) => {
      const { buffer, entries } = packFrames(forms.map((one, i) => foreignFrame(i, one)))
      assert.ok(open(buffer, entries).every((block) => block !== undefined))
      assertAgrees(buffer, entries)
    }),
    { numRuns: 60 },
  )
})

test('agrees with decodeFrame on damaged bytes and on frames divided in the wrong place', () => {
  const forms = fc.array(form, { minLength: 2, maxLength: 6 })
  const damages = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 3 })
  const shifts = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: -20, max: 20 })), { maxLength: 2 })
  fc.assert(
    fc.property(forms, damages, shifts, (some, bytes, moves) => {
      const { buffer, entries } = packFrames(some.map((one, i) => foreignFrame(i, one)))
      for (const [at, flip] of bytes) buffer[at % buffer.length] = (buffer[at % buffer.length] ?? 0) ^ flip
      assertAgrees(buffer, shift(entries, moves))
    }),
    { numRuns: 300 },
  )
})

/** Moves the border between entry `at` and the next one. */
function shift(entries: readonly FrameEntry[], moves: readonly [number, number][]): FrameEntry[] {
  const shifted = [...entries]
  for (const [at, by] of moves) {
    const [a, b] = [shifted[at], shifted[at + 1]]
    if (a === undefined || b === undefined) continue
    shifted[at] = { ...a, storedLength: a.storedLength + by }
    shifted[at + 1] = { ...b, offset: b.offset + by, storedLength: b.storedLength - by }
  }
  return shifted
}

test('knows one whole frame from less, more and others', () => {
  const { bytes, length } = foreignFrame(1, { length: 8192, level: 1, size: true, checksum: true })
  assert.is(isOneFrame(bytes, length), true)
  assert.is(isOneFrame(bytes, length + 1), false)
  assert.is(isOneFrame(bytes.subarray(0, -1), length), false)
  assert.is(isOneFrame(Buffer.concat([bytes, bytes]), length), false)
  const sizeless = foreignFrame(1, { length: 8192, level: 1, size: false, checksum: false })
  assert.is(isOneFrame(sizeless.bytes, length), false)
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(300),
      (any, n) => typeof isOneFrame(any, n) === 'boolean',
    ),
  )
})

test('leaves out what has no frame', () => {
  const blocks: unknown[] = []
  openFrames([undefined, frameOf(1), undefined], (block) => blocks.push(block !== undefined))
  assert.equal(blocks, [false, true, false])
})

test.run()
