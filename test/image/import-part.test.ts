import { Readable } from 'node:stream'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import type { SegmentLink } from '../../src/core/manifest.ts'
import type { ImageSource } from '../../src/image/image-source.ts'
import { importImage, importPart } from '../../src/image/import.ts'
import { KeptSource, keptParts } from '../../src/image/source-kept.ts'
import { StreamSource } from '../../src/image/source-stream.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { importBytes } from '../fixtures/import-image.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('imports in parts')
const MiB = 1 << 20

const sourceOf = (bytes: Uint8Array) => new StreamSource('bytes', Readable.from([bytes]))

interface Kept {
  /** Not cut short. */
  readonly segments: readonly SegmentLink[]
  readonly tail: SegmentLink | undefined
  readonly chunker: Parameters<typeof importPart>[1]['chunker']
}

/** The source that goes on behind what is kept: the tail once more, then `bytes`. */
function goOn(store: MemoryStore, kept: Kept, bytes: Uint8Array): ImageSource {
  if (kept.tail === undefined) return sourceOf(bytes)
  return new KeptSource({ blocks: store, nodes: store }, { segment: kept.tail, after: sourceOf(bytes) })
}

function initOf(store: MemoryStore, kept: Kept, bytes: Uint8Array) {
  const { segments, chunker } = kept
  const before = { segments, parts: keptParts({ blocks: store, nodes: store }, segments) }
  const auto = segments.length === 0 || chunker === undefined
  return { source: goOn(store, kept, bytes), chunker: auto ? ('auto' as const) : chunker, before }
}

async function importInParts(bytes: Uint8Array, cuts: readonly number[]) {
  const store = new MemoryStore()
  let kept: Kept = { segments: [], tail: undefined, chunker: 'auto' }
  let start = 0
  for (const end of cuts) {
    const part = await importPart({ sink: store }, initOf(store, kept, bytes.subarray(start, end)))
    kept = { segments: part.segments.slice(0, -1), tail: part.segments.at(-1), chunker: part.chunker }
    start = end
  }
  return await importImage({ sink: store }, { ...initOf(store, kept, bytes.subarray(start)), sink: 'near' })
}

test('an image that came in parts has the manifest of one that came at once', async () => {
  const pieces = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 90_000 })), {
    minLength: 1,
    maxLength: 6,
  })
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(pieces, cuts, fc.boolean(), async (made, shares, packed) => {
      const parts = made.map(([zero, n], i) => (zero ? Buffer.alloc(n) : noise(`p${i}`, n)))
      const head = packed ? Buffer.from([0x1f, 0x8b, 8, 0]) : Buffer.alloc(0)
      const bytes = Buffer.concat([head, ...parts])
      const at = shares.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b)
      const whole = await importBytes(bytes)
      const result = await importInParts(bytes, at)
      assert.is(result.manifestId, whole.manifestId)
      assert.equal(Buffer.from(result.sha256 ?? []), digestOf(bytes))
    }),
    { numRuns: 40 },
  )
})

test('parts end within segments, and between them', async () => {
  const bytes = Buffer.concat([noise('a', 40 * MiB), Buffer.alloc(9 * MiB), noise('b', 50 * MiB)])
  const whole = await importBytes(bytes, { pieceBytes: MiB })
  assert.ok(whole.manifest.segments.length > 1)
  const border = whole.manifest.segments[0]?.size ?? 0
  const { manifestId } = await importInParts(bytes, [border - 1, border, 45 * MiB + 77, 70 * MiB])
  assert.is(manifestId, whole.manifestId)
})

test('tells of segments when they are there with their blocks', async () => {
  const bytes = noise('c', 90 * MiB)
  const store = new MemoryStore()
  const told: SegmentLink[] = []
  const { manifest } = await importImage(
    { sink: store },
    {
      source: sourceOf(bytes),
      sink: 'near',
      async onSegments(segments, { name }) {
        assert.is(name, 'page-tail')
        const held = await store.has(segments.map(({ digest }) => digest))
        assert.ok(held.every(Boolean))
        told.push(...segments)
      },
    },
  )
  assert.equal(told, [...manifest.segments])
})

test('hashes all of an image when somebody wants to compare', async () => {
  const bytes = noise('d', 5000)
  const { sha256 } = await importImage(
    { sink: new MemoryStore() },
    { source: sourceOf(bytes), mustHash: true },
  )
  assert.equal(Buffer.from(sha256 ?? []), digestOf(bytes))
})

test.run()
