import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlockStore } from '../../src/core/blockstore.ts'
import { BootswarmError } from '../../src/core/errors.ts'
import { exportImage, readImage } from '../../src/image/export.ts'
import { importImage } from '../../src/image/import.ts'
import { openSource } from '../../src/image/source.ts'
import { FramePool } from '../../src/store/frame-pool.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { importBytes } from '../fixtures/import-image.ts'
import { noise } from '../fixtures/noise.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('export')
const MiB = 1 << 20
const run = promisify(execFile)

/** 12 MiB with long and short holes, and a partial last page. */
const IMAGE = Buffer.concat([
  Buffer.alloc(MiB),
  noise('x', 3 * MiB + 77),
  Buffer.alloc(5 * MiB),
  noise('y', 50_000),
  Buffer.alloc(3 * MiB + 1),
])

const both = (store: BlockStore) => ({ blocks: store, nodes: store })

async function codeOf(promise: Promise<unknown>): Promise<BootswarmError> {
  try {
    await promise
  } catch (error) {
    assert.instance(error, BootswarmError)
    return error as BootswarmError
  }
  return assert.unreachable('should have failed') as never
}

test('gives every image back byte for byte', async () => {
  const sizes = [1, 4096, 4097, 300_001]
  const images = [IMAGE, Buffer.alloc(0), Buffer.alloc(5000), ...sizes.map((n) => randomBytes(n))]
  await withScratch(async (dir) => {
    for (const [i, image] of images.entries()) {
      for (const chunker of ['page-tail', 'gear'] as const) {
        const { store, manifestId } = await importBytes(image, { chunker })
        const target = join(dir, `${i}-${chunker}`)
        const { stats } = await exportImage(both(store), { manifest: manifestId, target, wholeDigest: true })
        assert.ok((await readFile(target)).equals(image), `image ${i} with ${chunker}`)
        assert.is(stats.doneBytes, image.length)
      }
    }
    assert.not((await readdir(dir)).some((name) => name.endsWith('.partial')))
  })
})

test('zero spans become holes', async () => {
  await withScratch(async (dir) => {
    const { store, manifestId } = await importBytes(IMAGE)
    const target = join(dir, 'image')
    await exportImage(both(store), { manifest: manifestId, target })
    const { blocks, size } = await stat(target)
    assert.is(size, IMAGE.length)
    assert.ok(blocks * 512 < 4 * MiB, `${blocks * 512} bytes on disk`)
  })
})

test('a real file system comes back', async () => {
  await withScratch(async (dir) => {
    const [image, copy] = [join(dir, 'image'), join(dir, 'copy')]
    await run('mke2fs', [
      '-q',
      '-t',
      'ext4',
      '-d',
      new URL('../../src', import.meta.url).pathname,
      image,
      '64M',
    ])
    const store = new MemoryStore()
    const { manifestId, stats } = await importImage({ sink: store }, { source: await openSource(image) })
    assert.ok(stats.zeroBytes > 32 * MiB)
    await exportImage(both(store), { manifest: manifestId, target: copy, wholeDigest: true })
    await run('cmp', [image, copy])
    await run('e2fsck', ['-fn', copy])
  })
})

test('replaces a file at once, keeps its permissions, and follows its link', async () => {
  await withScratch(async (dir) => {
    const { store, manifestId } = await importBytes(IMAGE)
    await writeFile(join(dir, 'image'), 'old')
    await chmod(join(dir, 'image'), 0o640)
    await symlink('image', join(dir, 'link'))
    await writeFile(join(dir, 'image.partial'), 'of a process that was killed')
    await exportImage(both(store), { manifest: manifestId, target: join(dir, 'link') })
    assert.ok((await readFile(join(dir, 'image'))).equals(IMAGE))
    assert.is((await stat(join(dir, 'image'))).mode & 0o777, 0o640)
    assert.equal((await readdir(dir)).sort(), ['image', 'link'])
  })
})

test('a link in the place of the partial file is not followed', async () => {
  await withScratch(async (dir) => {
    const { store, manifestId } = await importBytes(noise('z', 5000))
    await writeFile(join(dir, 'victim'), 'untouched')
    await symlink('victim', join(dir, 'image.partial'))
    await exportImage(both(store), { manifest: manifestId, target: join(dir, 'image') })
    assert.is(await readFile(join(dir, 'victim'), 'utf8'), 'untouched')
  })
})

test('writes everything in order to standard output', async () => {
  const { store, manifestId } = await importBytes(IMAGE)
  const pieces: Buffer[] = []
  const stdout = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      pieces.push(Buffer.from(chunk))
      setImmediate(done)
    },
  })
  await exportImage(both(store), { manifest: manifestId, target: '-', stdout })
  assert.ok(Buffer.concat(pieces).equals(IMAGE))
})

test('says how many blocks are missing and leaves no file', async () => {
  await withScratch(async (dir) => {
    const { store, manifestId, stats } = await importBytes(noise('missing', 9 * MiB))
    const hole = {
      ...both(store),
      blocks: {
        get: async (d: readonly Uint8Array[]) => d.map(() => undefined),
        has: async (d: readonly Uint8Array[]) => d.map(() => false),
      },
    }
    const error = await codeOf(exportImage(hole, { manifest: manifestId, target: join(dir, 'image') }))
    assert.is(error.code, 'E_NOT_FOUND')
    assert.is(error.data['missing'], stats.blocks)
    assert.equal(await readdir(dir), [])
  })
})

test('a wrong block is an integrity error and leaves no file', async () => {
  await withScratch(async (dir) => {
    const { store, manifestId } = await importBytes(IMAGE)
    const get: BlockStore['get'] = async (digests) => {
      const frames = await store.get(digests)
      return frames.map((frame, i) =>
        i === 0 && frame ? { ...frame, bytes: frame.bytes.map((byte) => byte ^ 1) } : frame,
      )
    }
    const wrong = {
      nodes: store,
      blocks: { get, has: (digests: readonly Uint8Array[]) => store.has(digests) },
    }
    const error = await codeOf(exportImage(wrong, { manifest: manifestId, target: join(dir, 'image') }))
    assert.is(error.code, 'E_INTEGRITY')
    assert.equal(await readdir(dir), [])
  })
})

test('a full disk is an error of its own', async () => {
  const { store, manifestId } = await importBytes(IMAGE)
  const error = await codeOf(exportImage(both(store), { manifest: manifestId, target: '/dev/full' }))
  assert.is(error.code, 'E_STORAGE_FULL')
})

test('can be stopped, and leaves no file', async () => {
  await withScratch(async (dir) => {
    const { store, manifestId } = await importBytes(noise('stop', 12 * MiB))
    const stop = new AbortController()
    const options = { signal: stop.signal, onProgress: () => stop.abort() }
    const error = await codeOf(
      exportImage(both(store), { manifest: manifestId, target: join(dir, 'i') }, options),
    )
    assert.is(error.code, 'E_ABORTED')
    assert.equal(await readdir(dir), [])
  })
})

test('refuses a directory as its target', async () => {
  await withScratch(async (dir) => {
    await mkdir(join(dir, 'directory'))
    const { store, manifestId } = await importBytes(Buffer.from('x'))
    const error = await codeOf(
      exportImage(both(store), { manifest: manifestId, target: join(dir, 'directory') }),
    )
    assert.is(error.code, 'E_INVALID')
  })
})

test('reads any range, with a pool of frames or without', async () => {
  const { store, manifestId } = await importBytes(IMAGE)
  const pool = new FramePool()
  const n = IMAGE.length
  const ranges = [
    [0, n],
    [0, 0],
    [n, n],
    [5, 6],
    [MiB - 1, MiB + 1],
    [MiB + 10, 2 * MiB + 5],
    [n - 1, n],
    [4 * MiB, 9 * MiB],
  ] as const
  for (const components of [both(store), { ...both(store), opener: pool }]) {
    for (const [start, end] of ranges) {
      const pieces: Uint8Array[] = []
      for await (const piece of readImage(components, { manifest: manifestId, start, end }))
        pieces.push(piece)
      assert.ok(Buffer.concat(pieces).equals(IMAGE.subarray(start, end)), `${start} to ${end}`)
      assert.ok(pieces.every((piece) => piece.length > 0 && piece.length <= 262_144))
    }
  }
  await pool.close()
  const bad = readImage(both(store), { manifest: manifestId, start: 0, end: n + 1 })
  assert.is((await codeOf(bad.next())).code, 'E_INVALID')
})

test.run()
