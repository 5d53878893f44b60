import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlockStore } from '../../src/core/blockstore.ts'
import { type Digest, digestKey, digestOf } from '../../src/core/cid.ts'
import { BootswarmError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import { decodeFrame, encodeFrame } from '../../src/core/frame-codec.ts'
import { decodeManifest, encodeManifest } from '../../src/core/manifest.ts'
import { encodeSegment, runsOf, segmentSize } from '../../src/core/segment.ts'
import { collectGarbage } from '../../src/store/gc.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'

const test = suite('garbage collection')

/** Stores an image of the blocks `first` to `first + count - 1`, 100 to a segment; returns the manifest's digest. */
async function putImage(
  { blocks, nodes }: { blocks: BlockStore; nodes: BlockStore },
  first: number,
  count: number,
) {
  const links = []
  for (let at = first; at < first + count; at += 100) {
    const frames = framesOf(Math.min(100, first + count - at), { first: at, length: 64 })
    await blocks.put(frames)
    const segment = { digests: digestsOf(frames), spans: frames.map(({ length }) => length) }
    const node = encodeFrame(encodeSegment(segment))
    await nodes.put([node])
    links.push({ digest: node.digest, size: segmentSize(segment), runs: runsOf(segment).length })
  }
  const size = links.reduce((sum, link) => sum + link.size, 0)
  const chunker = { name: 'page-tail', parameters: {} }
  const root = encodeFrame(
    encodeManifest({ size, sha256: digestOf(Uint8Array.of(first)), chunker, segments: links }),
  )
  await nodes.put([root])
  return root.digest
}

async function twoImages() {
  const blocks = new MemoryStore()
  const nodes = new MemoryStore()
  const old = await putImage({ blocks, nodes }, 0, 250)
  const current = await putImage({ blocks, nodes }, 100, 250)
  return { blocks, nodes, old, current }
}

const hasAll = async (store: BlockStore, digests: Digest[]) => (await store.has(digests)).every(Boolean)
const image = (first: number, count: number) => digestsOf(framesOf(count, { first, length: 64 }))

test('deletes what only a dropped image names, and keeps what a kept one shares', async () => {
  const { blocks, nodes, old, current } = await twoImages()
  const report = await collectGarbage({ blocks, nodes, roots: [current] })
  assert.is(report.blocks, 100)
  assert.is(report.nodes, 1 + 2)
  assert.ok(report.bytes > 0 && report.nodeBytes > 0)
  assert.is((await blocks.stat()).blocks, 250)
  assert.ok(await hasAll(blocks, image(100, 250)))
  assert.equal(await nodes.has([old, current]), [false, true])
  const again = await collectGarbage({ blocks, nodes, roots: [current] })
  assert.equal([again.blocks, again.nodes, again.kept], [0, 0, 250 + 4])
})

test('deletes everything without roots', async () => {
  const { blocks, nodes } = await twoImages()
  await collectGarbage({ blocks, nodes, roots: [] })
  assert.equal([(await blocks.stat()).blocks, (await nodes.stat()).blocks], [0, 0])
})

test('does the same in several passes', async () => {
  const { blocks, nodes, current } = await twoImages()
  const whole = await collectGarbage({ blocks, nodes, roots: [current] }, { dryRun: true })
  const report = await collectGarbage({ blocks, nodes, roots: [current] }, { marksMax: 60 })
  assert.equal(report, whole)
  assert.ok(await hasAll(blocks, image(100, 250)))
})

test('works where blocks and nodes share a store', async () => {
  const store = new MemoryStore()
  const both = { blocks: store, nodes: store }
  await putImage(both, 0, 250)
  const current = await putImage(both, 100, 250)
  const report = await collectGarbage({ ...both, roots: [current] })
  assert.is(report.blocks, 100 + 1 + 2)
  assert.ok(await hasAll(store, [...image(100, 250), current]))
})

test('only reports on a dry run, the same as what a real one does', async () => {
  const { blocks, nodes, current } = await twoImages()
  const before = [await blocks.stat(), await nodes.stat()]
  const dry = await collectGarbage({ blocks, nodes, roots: [current] }, { dryRun: true })
  assert.equal([await blocks.stat(), await nodes.stat()], before)
  assert.equal(await collectGarbage({ blocks, nodes, roots: [current] }), dry)
})

test('keeps what is leased, also when the lease comes while it runs', async () => {
  const { blocks, nodes, current } = await twoImages()
  const leased = new Set(image(0, 3).map(digestKey))
  const sizes = blocks.sizes.bind(blocks)
  blocks.sizes = async (digests) => {
    leased.add(digestKey(image(10, 1)[0] as Digest))
    return sizes(digests)
  }
  const keep = (digest: Digest) => leased.has(digestKey(digest))
  const report = await collectGarbage({ blocks, nodes, roots: [current], keep })
  assert.is(report.blocks, 96)
  assert.ok(await hasAll(blocks, [...image(0, 3), ...image(10, 1)]))
})

test('deletes nothing when a node is missing, unless partial images are allowed', async () => {
  const { blocks, nodes, current } = await twoImages()
  const [segment] = await segmentsOf(nodes, current)
  await nodes.delete([segment as Digest])
  const error = await collectGarbage({ blocks, nodes, roots: [current] }).catch((caught: unknown) => caught)
  assert.is((error as BootswarmError).code, 'E_NOT_FOUND')
  assert.is((await blocks.stat()).blocks, 350)
  const report = await collectGarbage({ blocks, nodes, roots: [current] }, { partial: true })
  assert.is(report.missing, 1)
  assert.is(report.blocks, 200)
})

test('deletes nothing when a root is no manifest', async () => {
  const { blocks, nodes, current } = await twoImages()
  const [segment] = await segmentsOf(nodes, current)
  const roots = [current, segment as Digest]
  const error = await collectGarbage({ blocks, nodes, roots }).catch((caught: unknown) => caught)
  assert.instance(error, BootswarmError)
  assert.is((error as BootswarmError).code, 'E_MANIFEST')
  assert.is((await blocks.stat()).blocks, 350)
})

async function segmentsOf(nodes: BlockStore, root: Digest): Promise<Digest[]> {
  const [frame] = await nodes.get([root])
  return decodeManifest(decodeFrame(frame as Frame)).segments.map(({ digest }) => digest)
}

test.run()
