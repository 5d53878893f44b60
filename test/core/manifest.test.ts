import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { blockCid, digestOf, nodeCid } from '../../src/core/cid.ts'
import { IntegrityError, ManifestError } from '../../src/core/errors.ts'
import { MANIFEST_BYTES_MAX, RUNS_MAX, SEGMENTS_MAX } from '../../src/core/limits.ts'
import {
  decodeManifest,
  decodeSegmentOf,
  encodeManifest,
  MANIFEST_FORMAT,
  type Manifest,
  runCount,
} from '../../src/core/manifest.ts'
import { encodeSegment } from '../../src/core/segment.ts'
import { HAVE_BITMAP_BYTES_MAX } from '../../src/wire/message-codec.ts'

const test = suite('manifest')

const digest = (seed: number | string) => Uint8Array.from(digestOf(Buffer.from(String(seed))))
const MANIFEST: Manifest = {
  size: 300,
  sha256: digest('whole'),
  chunker: { name: 'page-tail', parameters: { max: 262_144, page: 4096 } },
  segments: [
    { digest: digest(1), size: 100, runs: 3 },
    { digest: digest(2), size: 200, runs: 0 },
  ],
}

/** The node of MANIFEST with other fields. */
const nodeWith = (fields: Record<string, unknown>) =>
  dagCbor.encode({ ...(dagCbor.decode(encodeManifest(MANIFEST)) as object), ...fields })

const refuses = (bytes: Uint8Array, what: RegExp) =>
  assert.throws(
    () => decodeManifest(bytes),
    (error: unknown) => error instanceof ManifestError && what.test(error.message),
  )

test('a manifest comes back from its node', () => {
  assert.equal(decodeManifest(encodeManifest(MANIFEST)), MANIFEST)
  const without = { ...MANIFEST, sha256: undefined }
  assert.equal(decodeManifest(encodeManifest(without)), without)
  assert.is(runCount(MANIFEST), 3)
})

test('refuses wrong fields', () => {
  refuses(nodeWith({ format: 'bootswarm/manifest/2' }), /known format/)
  refuses(nodeWith({ more: 1 }), /unknown fields/)
  refuses(nodeWith({ size: -1 }), /size/)
  refuses(nodeWith({ size: 2 ** 46 + 1 }), /size/)
  refuses(nodeWith({ size: 301 }), /do not add up/)
  refuses(nodeWith({ sha256: 'text' }), /sha256/)
  refuses(nodeWith({ sha256: new Uint8Array(31) }), /sha256/)
  refuses(nodeWith({ chunker: null }), /chunker/)
  refuses(nodeWith({ chunker: ['page-tail'] }), /chunker/)
  refuses(nodeWith({ chunker: { name: 'x'.repeat(33) } }), /chunker/)
  refuses(nodeWith({ chunker: { name: 'x', max: 'many' } }), /parameters/)
  refuses(nodeWith({ segments: 'none' }), /segments/)
  refuses(new Uint8Array(MANIFEST_BYTES_MAX + 1), /larger than/)
  const { size: _, ...lacking } = dagCbor.decode(encodeManifest(MANIFEST)) as Record<string, unknown>
  refuses(dagCbor.encode(lacking), /size/)
})

test('refuses wrong segments', () => {
  const one = (cid: unknown, size: unknown = 300, runs: unknown = 1) =>
    nodeWith({ segments: [[cid, size, runs]] })
  assert.is(decodeManifest(one(nodeCid(digest(1)))).segments.length, 1)
  refuses(one(blockCid(digest(1))), /without CID/)
  refuses(one(digest(1)), /without CID/)
  refuses(one(nodeCid(digest(1)), 0), /impossible size/)
  refuses(one(nodeCid(digest(1)), 300, 1025), /impossible size/)
  refuses(nodeWith({ segments: [[nodeCid(digest(1)), 300]] }), /malformed/)
  refuses(one({ '/': 'x' }), /without CID/)
})

test('a CID in a longer form does not give a manifest a second name', () => {
  const hex = Buffer.from(encodeManifest(MANIFEST)).toString('hex')
  const overlong = hex.replace('58250001711220', '58260001f1001220')
  assert.not.equal(overlong, hex)
  refuses(Buffer.from(overlong, 'hex'), /canonical|CID|dag-cbor/)
})

test('the largest manifest fits into its bound', () => {
  const size = 400_000_000
  const nodeOf = (runs: number) => {
    const segments = Array.from({ length: SEGMENTS_MAX }, () => ({ digest: digest(1), size, runs }))
    return encodeManifest({ ...MANIFEST, size: size * SEGMENTS_MAX, segments })
  }
  assert.ok(nodeOf(1024).length <= MANIFEST_BYTES_MAX)
  assert.is(decodeManifest(nodeOf(Math.floor(RUNS_MAX / SEGMENTS_MAX))).segments.length, SEGMENTS_MAX)
})

test('refuses more runs than the have bitmap of a peer holds', () => {
  assert.is(RUNS_MAX, 8 * HAVE_BITMAP_BYTES_MAX)
  const full = Array.from({ length: RUNS_MAX / 1024 }, () => ({ digest: digest(1), size: 1, runs: 1024 }))
  const nodeOf = (segments: typeof full) => encodeManifest({ ...MANIFEST, size: segments.length, segments })
  assert.is(runCount(decodeManifest(nodeOf(full))), RUNS_MAX)
  refuses(nodeOf([...full, { digest: digest(2), size: 1, runs: 1 }]), /2097153 runs/)
})

test('a segment node must be the one that the manifest links', () => {
  const segment = { digests: [digest(1)], spans: [4096, -100] }
  const bytes = encodeSegment(segment)
  const link = { digest: digestOf(bytes), size: 4196, runs: 1 }
  assert.equal(decodeSegmentOf(link, bytes), segment)
  const throws = (wrong: Partial<typeof link>, Class: unknown) =>
    assert.throws(
      () => decodeSegmentOf({ ...link, ...wrong }, bytes),
      (error: unknown) => error instanceof (Class as typeof Error),
    )
  throws({ digest: digest(2) }, IntegrityError)
  throws({ size: 4195 }, ManifestError)
  throws({ runs: 2 }, ManifestError)
})

test('bytes of anybody give a ManifestError or a manifest', () => {
  const valid = encodeManifest(MANIFEST)
  const mutated = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => {
      const bytes = Buffer.from(valid)
      for (const [at, byte] of changes) bytes[at] = byte
      return bytes
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (bytes) => {
      try {
        assert.equal(Buffer.from(encodeManifest(decodeManifest(bytes))), Buffer.from(bytes))
      } catch (error) {
        assert.instance(error, ManifestError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('the format is named', () => {
  assert.is((dagCbor.decode(encodeManifest(MANIFEST)) as { format: string }).format, MANIFEST_FORMAT)
})

test.run()
