import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { AbortedError, ConflictError, StorageFullError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import type { ImageSource } from '../../src/image/image-source.ts'
import { importImage } from '../../src/image/import.ts'
import type { ImportProgress } from '../../src/image/import-progress.ts'
import { openSource } from '../../src/image/source.ts'
import { StreamSource } from '../../src/image/source-stream.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { importBytes } from '../fixtures/import-image.ts'
import { noise } from '../fixtures/noise.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { writeSparse } from '../fixtures/sparse-file.ts'

const test = suite('import')
const MiB = 1 << 20

const streamOf = (bytes: Uint8Array) => new StreamSource('bytes', Readable.from([bytes]))

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.unreachable('should have failed'),
    (error: unknown) => error,
  )
}

test('one image has one manifest, whatever the sizes of the reads', async () => {
  const parts = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 60_000 })), { maxLength: 6 })
  const chunkers = fc.constantFrom('page-tail' as const, 'gear' as const)
  await fc.assert(
    fc.asyncProperty(
      parts,
      fc.integer({ min: 1000, max: 90_000 }),
      chunkers,
      async (made, pieceBytes, chunker) => {
        const bytes = Buffer.concat(made.map(([zero, n], i) => (zero ? Buffer.alloc(n) : noise(`i${i}`, n))))
        const [whole, pieces] = [
          await importBytes(bytes, { pieceBytes: MiB, chunker }),
          await importBytes(bytes, { pieceBytes, chunker }),
        ]
        assert.is(pieces.manifestId, whole.manifestId)
        assert.equal(Buffer.from(whole.manifest.sha256 ?? []), digestOf(bytes))
        assert.is(whole.manifest.size, bytes.length)
      },
    ),
    { numRuns: 25 },
  )
})

test('images of several batches too, and sparse files as dense ones', async () => {
  await withScratch(async (dir) => {
    const size = 23 * MiB + 100
    const data = [
      { offset: 0, bytes: noise('a', 5 * MiB + 1) },
      { offset: 9 * MiB + 4096, bytes: noise('b', 6 * MiB) },
      { offset: size - 5, bytes: Buffer.from('tail!') },
    ]
    await writeSparse({ path: join(dir, 'sparse'), size, data })
    const bytes = Buffer.alloc(size)
    for (const { offset, bytes: part } of data) bytes.set(part, offset)
    await writeFile(join(dir, 'dense'), bytes)
    const ids = new Set<string>()
    for (const name of ['sparse', 'dense']) {
      const source = await openSource(join(dir, name))
      const { manifestId, manifest, stats } = await importImage({ sink: new MemoryStore() }, { source })
      ids.add(manifestId)
      assert.equal(Buffer.from(manifest.sha256 ?? []), digestOf(bytes))
      assert.is(stats.scannedBytes, size)
      assert.ok(stats.zeroBytes > 11 * MiB)
    }
    ids.add((await importBytes(bytes, { pieceBytes: 777_777 })).manifestId)
    assert.is(ids.size, 1)
  })
})

test('a block that comes again is sent once', async () => {
  const file = Buffer.concat([noise('file', 9000), Buffer.alloc(3288)])
  const bytes = Buffer.concat(Array.from({ length: 300 }, () => file))
  const store = new MemoryStore()
  const sent: string[] = []
  const sink = {
    has: (digests: readonly Uint8Array[]) => store.has(digests),
    async put(frames: readonly Frame[]) {
      sent.push(...frames.map(({ digest }) => Buffer.from(digest).toString('hex')))
      await store.put(frames)
    },
  }
  const { stats } = await importImage({ sink }, { source: streamOf(bytes) })
  assert.is(new Set(sent).size, sent.length)
  assert.is(stats.blocks, 300)
  assert.is(stats.newBlocks, 1)
  assert.is(stats.newBytes, 12_288)
  const again = await importImage({ sink }, { source: streamOf(bytes) })
  assert.is(again.stats.newBlocks, 0)
})

test('the manifest is put last, and segments after their blocks', async () => {
  const store = new MemoryStore()
  const order: string[] = []
  const sink = {
    has: (digests: readonly Uint8Array[]) => store.has(digests),
    async put(frames: readonly Frame[]) {
      await new Promise((resolve) => setImmediate(resolve))
      order.push(...frames.map(({ digest }) => Buffer.from(digest).toString('hex')))
      await store.put(frames)
    },
  }
  const { manifest, stats } = await importImage({ sink }, { source: streamOf(noise('order', 9 * MiB)) })
  const nodes = manifest.segments.map(({ digest }) => order.indexOf(Buffer.from(digest).toString('hex')))
  assert.is(order.length, stats.newBlocks + nodes.length + 1)
  assert.ok(nodes.every((at) => at >= stats.newBlocks && at < order.length - 1))
})

test('progress grows and ends with everything', async () => {
  const seen: ImportProgress[] = []
  const bytes = Buffer.concat([noise('progress', 5 * MiB), Buffer.alloc(MiB)])
  const options = { onProgress: (progress: ImportProgress) => seen.push(progress) }
  const { stats } = await importImage({ sink: new MemoryStore() }, { source: streamOf(bytes) }, options)
  assert.equal(seen.at(-1), stats)
  assert.ok(seen.length > 3)
  seen.reduce((before, after) => {
    assert.ok(after.scannedBytes >= before.scannedBytes && after.storedBytes >= before.storedBytes)
    return after
  })
  assert.is(stats.scannedBytes, bytes.length)
  assert.is(stats.zeroBytes, MiB)
  assert.is(stats.newBytes, 5 * MiB)
  assert.is(stats.totalBytes, undefined)
})

test('can be stopped while it waits for its source', async () => {
  const stop = new AbortController()
  const source = new StreamSource('silent', new PassThrough())
  const running = importImage({ sink: new MemoryStore() }, { source }, { signal: stop.signal })
  setImmediate(() => stop.abort())
  assert.instance(await errorOf(running), AbortedError)
})

test('can be stopped while it works', async () => {
  const stop = new AbortController()
  const options = { signal: stop.signal, onProgress: () => stop.abort() }
  const source = streamOf(noise('stop', 12 * MiB))
  assert.instance(await errorOf(importImage({ sink: new MemoryStore() }, { source }, options)), AbortedError)
})

test('errors of the sink arrive as they are, and the next import goes on', async () => {
  const store = new MemoryStore()
  const bytes = noise('full', 9 * MiB)
  let puts = 0
  const sink = {
    has: (digests: readonly Uint8Array[]) => store.has(digests),
    async put(frames: readonly Frame[]) {
      if (++puts > 2) throw new StorageFullError('no room')
      await store.put(frames)
    },
  }
  assert.instance(await errorOf(importImage({ sink }, { source: streamOf(bytes) })), StorageFullError)
  const first = (await store.stat()).blocks
  assert.ok(first > 0)
  const { stats } = await importImage({ sink: store }, { source: streamOf(bytes) })
  assert.is(stats.newBlocks, stats.blocks - first)
})

test('errors of the source arrive as they are, and no manifest is put', async () => {
  const store = new MemoryStore()
  const inner = streamOf(noise('source', 3 * MiB))
  const source: ImageSource = {
    name: 'changing',
    size: 3 * MiB,
    async next(target, options) {
      const step = await inner.next(target, options)
      if (step.kind === 'end') throw new ConflictError('changed')
      return step
    },
    close: () => inner.close(),
  }
  assert.instance(await errorOf(importImage({ sink: store }, { source })), ConflictError)
})

test('the digest of the whole is left out where an image is mostly nothing', async () => {
  const hole = async (bytes: number) => {
    const steps = [{ kind: 'hole', bytes } as const, { kind: 'end' } as const]
    const source: ImageSource = {
      name: 'hole',
      size: bytes,
      next: async () => steps.shift() ?? { kind: 'end' },
      close: async () => {},
    }
    return (await importImage({ sink: new MemoryStore() }, { source })).manifest
  }
  assert.is((await hole(2 ** 36 + 4096)).sha256, undefined)
  assert.equal(Buffer.from((await hole(100)).sha256 ?? []), digestOf(new Uint8Array(100)))
})

test.run()
