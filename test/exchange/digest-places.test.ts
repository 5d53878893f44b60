import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Digest } from '../../src/core/cid.ts'
import { decodeSegment } from '../../src/core/segment.ts'
import { DigestPlaces } from '../../src/exchange/digest-places.ts'
import { SegmentReader } from '../../src/exchange/segment-reader.ts'
import { Swarm } from '../../src/exchange/swarm.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { swarmImage } from '../fixtures/exchange-peers.ts'

const test = suite('digest places')
const seeds = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const IMAGE = swarmImage(seeds(0, 3000), 64)
const OTHER = swarmImage(seeds(5000, 5010), 64)

/** The node of a segment, and a block of it. */
function segmentAt(index: number) {
  const link = IMAGE.manifest.segments[index]
  const node = IMAGE.nodes[index]
  if (link === undefined || node === undefined) throw new RangeError('no such segment')
  return { link, node }
}

/** Places in an image of which a node has nothing, and what was read of its store. */
function emptySite() {
  const nodes = new MemoryStore()
  const state = { asked: 0 }
  const get = nodes.get.bind(nodes)
  nodes.get = async (digests) => {
    state.asked += digests.length
    return await get(digests)
  }
  const segments = new SegmentReader({ nodes })
  const places = new DigestPlaces({ segments })
  const swarm = new Swarm({ id: IMAGE.id, manifest: IMAGE.manifest })
  return { nodes, segments, state, find: (digests: Digest[]) => places.inManifest(swarm, digests) }
}

const first = IMAGE.blocks[5]?.digest as Digest
const last = IMAGE.blocks.at(-5)?.digest as Digest
const foreign = OTHER.blocks[5]?.digest as Digest

test('of segments that are here blocks are found, and none of others', async () => {
  const { nodes, find } = emptySite()
  await nodes.put([segmentAt(0).node])
  assert.equal(await find([last, first, foreign]), [false, true, false])
})

test('segments that come later are found when they have been read, and nothing is looked through again', async () => {
  const { nodes, segments, state, find } = emptySite()
  await nodes.put([segmentAt(0).node])
  assert.equal(await find([first, last]), [true, false])
  const lastSegment = segmentAt(IMAGE.manifest.segments.length - 1)
  await nodes.put([lastSegment.node])
  await segments.run(lastSegment.link, 0)
  const before = state.asked
  assert.equal(await find([first, last]), [true, true])
  for (let i = 0; i < 10; i++) await find([first, foreign])
  assert.is(state.asked, before)
})

test('a segment that was fetched just now is found', async () => {
  const { nodes, segments, find } = emptySite()
  assert.equal(await find([first]), [false])
  const { link, node } = segmentAt(0)
  await nodes.put([node])
  segments.keep(link, decodeSegment(node.bytes))
  assert.equal(await find([first]), [true])
})

test('a segment that was read before anybody asked is found too', async () => {
  const { nodes, segments, find } = emptySite()
  await nodes.put([segmentAt(0).node])
  await segments.run(segmentAt(0).link, 0)
  assert.equal(await find([first]), [true])
})

test('a segment that is gone has no blocks', async () => {
  const { nodes, find } = emptySite()
  const { node } = segmentAt(0)
  await nodes.put([node])
  nodes.get = async () => [undefined]
  assert.equal(await find([first]), [false])
})

test.run()
