import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ImageMap } from '../../../node/disk/image-map.ts'
import type { ImageSource } from '../../../node/disk/image-source.ts'
import { SegmentCache } from '../../../node/disk/segment-cache.ts'
import { digestKey } from '../../../src/core/cid.ts'
import { decodeFrame } from '../../../src/core/frame-codec.ts'
import { decodeSegment } from '../../../src/core/segment.ts'
import { swarmImage } from '../../fixtures/exchange-peers.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const test = suite('map of an image')
const BLOCK_BYTES = 8192
/** Two segments and more: one block for each number, two pages of zeros after every tenth. */
const IMAGE = swarmImage(
  Array.from({ length: 2500 }, (_, i) => i % 700),
  BLOCK_BYTES,
)
const byDigest = new Map([...IMAGE.blocks, ...IMAGE.nodes].map((frame) => [digestKey(frame.digest), frame]))
const bytesOf = (digest: Uint8Array) => {
  const frame = byDigest.get(digestKey(digest))
  if (frame === undefined) throw new RangeError('not of this image')
  return decodeFrame(frame)
}

function mapOf(init: { segmentsMax?: number } = {}): { map: ImageMap; loads: number[] } {
  const loads: number[] = []
  const source: ImageSource = {
    id: IMAGE.id,
    manifest: IMAGE.manifest,
    async segment(index) {
      loads.push(index)
      return decodeSegment(bytesOf(IMAGE.manifest.segments[index]?.digest ?? new Uint8Array()))
    },
    bring: async () => 0,
    lost: () => {},
    patiently: (work) => work(),
  }
  return { map: new ImageMap({ source, cache: new SegmentCache(init) }), loads }
}

test('the spans of any range are its bytes', async () => {
  assert.ok(IMAGE.manifest.segments.length >= 3)
  const { map, loads } = mapOf({ segmentsMax: 1 })
  const whole = Buffer.concat(
    (await map.spans(0, map.size)).map(({ block, length }) =>
      block === undefined ? Buffer.alloc(length) : Buffer.from(bytesOf(block.digest)),
    ),
  )
  assert.is(whole.length, map.size)
  const random = seededRandom(5)
  for (let i = 0; i < 200; i++) {
    const offset = Math.floor(random() * map.size)
    const length = 1 + Math.floor(random() ** 4 * (map.size - offset - 1))
    const spans = await map.spans(offset, length)
    const pieces = spans.map((span) =>
      span.block === undefined
        ? Buffer.alloc(span.length)
        : Buffer.from(bytesOf(span.block.digest).subarray(span.start, span.start + span.length)),
    )
    assert.ok(Buffer.concat(pieces).equals(whole.subarray(offset, offset + length)), `${offset} ${length}`)
  }
  assert.ok(loads.length > 3)
})

test('runs are counted over the whole image', async () => {
  const { map } = mapOf()
  const runs = IMAGE.manifest.segments.reduce((sum, link) => sum + link.runs, 0)
  const spans = (await map.spans(0, map.size)).filter(({ block }) => block !== undefined)
  assert.is(spans.at(-1)?.block?.run, runs - 1)
  assert.equal([spans[0]?.block?.run, spans[0]?.block?.index, spans[1]?.block?.index], [0, 0, 1])
})

test('answers at once where it knows the segments, and loads each once', async () => {
  const { map, loads } = mapOf()
  const [one, two] = [map.spans(0, 5000), map.spans(100, 20_000)]
  assert.ok(one instanceof Promise && two instanceof Promise)
  await Promise.all([one, two])
  assert.equal(loads, [0])
  assert.not(map.spans(0, 50_000) instanceof Promise)
})

test('who gives up does not stop the others', async () => {
  const { map } = mapOf()
  const giving = new AbortController()
  const given = map.spans(0, 100, { signal: giving.signal })
  const other = map.spans(0, 100)
  giving.abort()
  assert.is(await Promise.resolve(given).catch((error: { code: string }) => error.code), 'E_ABORTED')
  assert.is((await other)[0]?.length, 100)
})

test.run()
