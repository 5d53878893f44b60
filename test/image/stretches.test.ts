import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DIGEST_BYTES, type Digest, digestOf } from '../../src/core/cid.ts'
import { BLOCK_BYTES_MAX } from '../../src/core/limits.ts'
import { STRETCH_BYTES_MAX, stretchesOf } from '../../src/image/stretches.ts'

const test = suite('stretches')

function segmentOf(spans: readonly number[]) {
  const digests: Digest[] = spans.filter((span) => span > 0).map((_, i) => digestOf(Buffer.from([i])))
  return { digests, spans }
}

test('stretches lie one after the other and have every block in its place', () => {
  const span = fc.oneof(
    fc.integer({ min: 1, max: BLOCK_BYTES_MAX }),
    fc.integer({ min: 1, max: 3 * STRETCH_BYTES_MAX }).map((n) => -n),
  )
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 40 }), (spans) => {
      const segment = segmentOf(spans)
      const blocks: { offset: number; length: number; digest: Digest }[] = []
      let end = 0
      for (const stretch of stretchesOf(segment)) {
        assert.is(stretch.offset, end)
        end += stretch.size
        if (stretch.blocks === undefined) continue
        assert.ok(stretch.size <= STRETCH_BYTES_MAX)
        const { digests, lengths, places } = stretch.blocks
        for (const [i, place] of places.entries()) {
          const length = lengths[i] ?? 0
          assert.ok(place + length <= stretch.size)
          const digest = Buffer.from(digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES))
          blocks.push({ offset: stretch.offset + place, length, digest })
        }
      }
      let at = 0
      let next = 0
      for (const length of spans) {
        if (length > 0) {
          const digest = segment.digests[next] as Digest
          assert.equal(blocks[next++], { offset: at, length, digest })
        }
        at += Math.abs(length)
      }
      assert.equal([end, blocks.length], [at, next])
    }),
  )
})

test('a short hole is part of a stretch, a long one is a stretch without blocks', () => {
  const cut = (spans: number[]) =>
    stretchesOf(segmentOf(spans)).map(({ size, blocks }) => [size, blocks?.lengths.length ?? 0])
  assert.equal(cut([4096, -4096, 4096]), [[12_288, 2]])
  assert.equal(cut([4096, -1_000_000, 4096]), [
    [4096, 1],
    [1_000_000, 0],
    [4096, 1],
  ])
})

test.run()
