import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Digest, digestOf } from '../../src/core/cid.ts'
import { ManifestError } from '../../src/core/errors.ts'
import {
  RUN_BYTES_MAX,
  SEGMENT_BLOCKS_MAX,
  SEGMENT_BLOCKS_MIN,
  SEGMENT_BYTES_MAX,
} from '../../src/core/limits.ts'
import {
  blockLengths,
  decodeSegment,
  encodeSegment,
  runsOf,
  type Segment,
  SegmentBuilder,
  segmentSize,
} from '../../src/core/segment.ts'

const test = suite('segment')

const digest = (seed: number | string) => Uint8Array.from(digestOf(Buffer.from(String(seed))))
/** A digest that may not end a segment, and one that does. */
const inner = (seed: number): Digest => Uint8Array.from([1, 1, ...digest(seed).subarray(2)])
const ending = (seed: number): Digest => Uint8Array.from([4, 0, ...digest(seed).subarray(2)])

const refuses = (bytes: Uint8Array, what: RegExp) =>
  assert.throws(
    () => decodeSegment(bytes),
    (error: unknown) => error instanceof ManifestError && what.test(error.message),
  )

function build(blocks: readonly (readonly [Digest | undefined, number])[]): Segment[] {
  const builder = new SegmentBuilder()
  const segments: (Segment | undefined)[] = []
  for (const [name, length] of blocks) {
    if (name === undefined) builder.zeros(length)
    else segments.push(builder.block(name, length))
  }
  return [...segments, builder.finish()].filter((segment) => segment !== undefined)
}

const spansOf = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 262_144 }), fc.integer({ min: -(2 ** 40), max: -1 })),
  { maxLength: 300 },
)

test('a segment comes back from its node', () => {
  fc.assert(
    fc.property(spansOf, (spans) => {
      const segments = build(spans.map((n, i) => [n > 0 ? digest(i) : undefined, Math.abs(n)]))
      for (const segment of segments) assert.equal(decodeSegment(encodeSegment(segment)), segment)
      const size = segments.reduce((sum, segment) => sum + segmentSize(segment), 0)
      assert.is(
        size,
        spans.reduce((sum, n) => sum + Math.abs(n), 0),
      )
    }),
    { numRuns: 50 },
  )
})

test('zero spans in a row become one, and belong to the block before them', () => {
  const blocks = Array.from({ length: SEGMENT_BLOCKS_MIN - 1 }, (_, i) => [inner(i), 4096] as const)
  const segments = build([
    [undefined, 5],
    [undefined, 6],
    ...blocks,
    [ending(1), 7],
    [undefined, 8],
    [undefined, 1],
    [inner(9), 9],
  ])
  assert.is(segments.length, 2)
  assert.is(segments[0]?.spans[0], -11)
  assert.is(segments[0]?.spans.at(-1), -9)
  assert.equal(segments[1]?.spans, [9])
})

test('a digest ends a segment only when enough blocks are in it', () => {
  const early = build([
    [ending(1), 1],
    [inner(2), 1],
  ])
  assert.is(early.length, 1)
  const blocks = Array.from({ length: SEGMENT_BLOCKS_MIN }, (_, i) => [ending(i), 1] as const)
  assert.equal(
    build([...blocks, [inner(1), 1]]).map(({ digests }) => digests.length),
    [SEGMENT_BLOCKS_MIN, 1],
  )
})

test('a segment has no more blocks and bytes than the limits', () => {
  const many = build(Array.from({ length: SEGMENT_BLOCKS_MAX + 3 }, (_, i) => [inner(i), 1] as const))
  assert.equal(
    many.map(({ digests }) => digests.length),
    [SEGMENT_BLOCKS_MAX, 3],
  )
  const large = build(Array.from({ length: 600 }, (_, i) => [inner(i), 262_144] as const))
  for (const segment of large) assert.ok(segmentSize(segment) <= SEGMENT_BYTES_MAX)
  assert.is(large.length, 3)
})

test('runs hold all blocks in order, each as many as fit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 262_144 }), { minLength: 1, maxLength: 700 }),
      (lengths) => {
        const segment = { digests: lengths.map((_, i) => inner(i)), spans: lengths }
        const runs = runsOf(segment)
        let next = 0
        for (const [i, run] of runs.entries()) {
          assert.is(run.first, next)
          next += run.count
          assert.ok(run.count >= 1 && run.bytes <= RUN_BYTES_MAX)
          assert.is(
            run.bytes,
            lengths.slice(run.first, next).reduce((a, b) => a + b, 0),
          )
          if (i + 1 < runs.length)
            assert.ok(run.count === 256 || run.bytes + (lengths[next] ?? 0) > RUN_BYTES_MAX)
        }
        assert.is(next, blockLengths(segment).length)
      },
    ),
    { numRuns: 50 },
  )
})

test('refuses what is not a segment', () => {
  const blocks = digest(1)
  refuses(dagCbor.encode([]), /not a map/)
  refuses(dagCbor.encode({ blocks, spans: [1], more: 1 }), /unknown fields/)
  refuses(dagCbor.encode({ blocks: blocks.subarray(1), spans: [1] }), /wrong fields/)
  refuses(dagCbor.encode({ blocks, spans: [] }), /no or too many/)
  refuses(dagCbor.encode({ blocks, spans: [1, 1] }), /one length for each/)
  refuses(dagCbor.encode({ blocks, spans: [0] }), /out of range/)
  refuses(dagCbor.encode({ blocks, spans: [262_145] }), /out of range/)
  refuses(dagCbor.encode({ blocks, spans: [1.5] }), /no integer/)
  refuses(dagCbor.encode({ blocks, spans: [1, -1, -1] }), /in a row/)
  refuses(dagCbor.encode({ blocks, spans: [-(2 ** 46), 1] }), /larger than an image/)
  refuses(dagCbor.encode({ blocks: Buffer.concat([blocks, blocks]), spans: [1, 2] }), /two lengths/)
  refuses(new Uint8Array(70_000), /larger than/)
})

test('refuses a node that is not in canonical form', () => {
  const canonical = encodeSegment({ digests: [], spans: [-5] })
  assert.is(decodeSegment(canonical).spans[0], -5)
  const longer = Buffer.concat([canonical.subarray(0, -1), Buffer.from([0x38, 0x04])])
  refuses(longer, /canonical|dag-cbor/)
  refuses(Buffer.concat([canonical, Buffer.from([0])]), /dag-cbor/)
})

test('bytes of anybody give a ManifestError or a segment, and nothing else', () => {
  const valid = encodeSegment({ digests: [digest(1), digest(2)], spans: [4096, -8192, 1] })
  const mutated = fc
    .tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(valid.length))
    .map(([at, byte, cut]) => {
      const bytes = Buffer.from(valid)
      bytes[at] = byte
      return bytes.subarray(0, cut === 0 ? valid.length : cut + 1)
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      try {
        assert.equal(Buffer.from(encodeSegment(decodeSegment(bytes))), Buffer.from(bytes))
      } catch (error) {
        assert.instance(error, ManifestError)
      }
    }),
    { numRuns: 2000 },
  )
})

test.run()
