import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PageTailChunker } from '../../src/image/chunker-page-tail.ts'
import { blocksOf, cutImage } from '../fixtures/cut-image.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('page-tail chunker')
const PAGE = 4096
const chunker = new PageTailChunker()
/** Without cuts by hash, but for one page in a million. */
const plain = new PageTailChunker({ oneIn: 2 ** 20 })

const data = (seed: string, bytes: number) => noise(seed, bytes)
const zeros = (bytes: number) => Buffer.alloc(bytes)

test('cuts at the end of each file that does not fill its last page', () => {
  const image = Buffer.concat([data('a', 5000), zeros(3192), data('b', 100), zeros(3996), data('c', PAGE)])
  assert.equal(cutImage(plain, image), [8192, 4096, 4096])
})

test('does not cut where fewer than 32 bytes at the end of a page are zero', () => {
  const image = Buffer.concat([data('a', PAGE - 31), zeros(31), data('b', PAGE)])
  assert.equal(cutImage(plain, image), [8192])
})

test('zero pages are spans and end the block before them', () => {
  const image = Buffer.concat([zeros(8192), data('a', PAGE), zeros(4096), data('b', 2 * PAGE)])
  assert.equal(cutImage(plain, image), [-8192, 4096, -4096, 8192])
})

test('a page with one bit set anywhere is not zero', () => {
  for (const at of [0, 1, 31, 2000, PAGE - 33, PAGE - 32, PAGE - 1]) {
    const page = zeros(PAGE)
    page[at] = 0x80
    assert.equal(cutImage(chunker, page), [PAGE], `byte ${at}`)
  }
})

test('an image may end within a page', () => {
  assert.equal(cutImage(plain, data('a', 1)), [1])
  assert.equal(cutImage(plain, zeros(1)), [-1])
  assert.equal(cutImage(plain, data('a', PAGE + 5)), [PAGE + 5])
  assert.equal(cutImage(plain, Buffer.concat([data('a', PAGE), zeros(5)])), [PAGE, -5])
  assert.equal(cutImage(plain, new Uint8Array()), [])
})

test('blocks have at most 256 KiB', () => {
  const same = Buffer.alloc(1_000_000, 'bootswarm has equal pages here..')
  assert.ok(cutImage(chunker, same).every((span) => span <= 262_144))
  assert.equal(
    cutImage(new PageTailChunker({ maxBytes: 8192, oneIn: 2 ** 20 }), data('a', 20_000)),
    [8192, 8192, 3616],
  )
})

test('the cuts do not depend on the sizes of the pieces', () => {
  const part = fc.oneof(
    fc.tuple(fc.constant('data'), fc.integer({ min: 1, max: 40_000 })),
    fc.tuple(fc.constant('zeros'), fc.integer({ min: 1, max: 20_000 })),
  )
  const pieces = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), pieces, (parts, pieceBytes) => {
      const image = Buffer.concat(
        parts.map(([kind, n], i) => (kind === 'data' ? data(`p${i}`, n) : zeros(n))),
      )
      const spans = cutImage(chunker, image)
      assert.equal(cutImage(chunker, image, pieceBytes), spans)
      assert.is(
        spans.reduce((sum, span) => sum + Math.abs(span), 0),
        image.length,
      )
      let at = 0
      for (const span of spans) {
        if (span < 0) assert.ok(image.subarray(at, at - span).every((byte) => byte === 0))
        assert.is(at % PAGE, 0)
        at += Math.abs(span)
      }
    }),
    { numRuns: 60 },
  )
})

test('pages put into the middle of a long file leave most blocks as they were', () => {
  const image = data('long', 4 << 20)
  const at = 300 * PAGE
  const changed = Buffer.concat([image.subarray(0, at), data('new', 3 * PAGE), image.subarray(at)])
  const before = new Set(blocksOf(chunker, image))
  const shared = blocksOf(chunker, changed).filter((block) => before.has(block))
  const bytes = shared.reduce((sum, block) => sum + block.length, 0)
  assert.ok(bytes > 0.8 * image.length, `${bytes} bytes of ${image.length} are shared`)
})

test.run()
