import { execFile } from 'node:child_process'
import { appendFile, mkdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AbortedError, ConflictError, InvalidError, NotFoundError } from '../../src/core/errors.ts'
import type { ImageSource } from '../../src/image/image-source.ts'
import { openSource } from '../../src/image/source.ts'
import { wholePages } from '../../src/image/source-file.ts'
import { noise } from '../fixtures/noise.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { writeSparse } from '../fixtures/sparse-file.ts'

const test = suite('source')
const MiB = 1 << 20

/** Reads a source to its end: its bytes, and where its holes are. */
async function readAll(source: ImageSource, stepBytes = 65_536) {
  const parts: Uint8Array[] = []
  const holes: [number, number][] = []
  let at = 0
  try {
    for (;;) {
      const target = new Uint8Array(stepBytes)
      const step = await source.next(target)
      if (step.kind === 'end') return { bytes: Buffer.concat(parts), holes }
      if (step.kind === 'hole') holes.push([at, step.bytes])
      parts.push(step.kind === 'hole' ? new Uint8Array(step.bytes) : target.subarray(0, step.bytes))
      at += step.bytes
    }
  } finally {
    await source.close()
  }
}

async function rejects(promise: Promise<unknown>, Class: new (message: string) => Error): Promise<void> {
  try {
    await promise
  } catch (error) {
    assert.instance(error, Class)
    return
  }
  assert.unreachable('should have been refused')
}

test('reads a file of any name', async () => {
  await withScratch(async (dir) => {
    for (const name of ['plain', '-rf', "a 'b' $c;\n", 'ä\t"']) {
      await writeFile(join(dir, name), noise(name, 100_001))
      const source = await openSource(join(dir, name))
      assert.is(source.size, 100_001)
      assert.equal((await readAll(source)).bytes, noise(name, 100_001))
    }
  })
})

test('finds the holes of a sparse file', async () => {
  await withScratch(async (dir) => {
    const path = join(dir, 'it\'s; a "sparse" file')
    const bytes = noise('sparse', 5000)
    const data = [
      { offset: 3 * MiB, bytes },
      { offset: 10 * MiB + 1, bytes },
    ]
    await writeSparse({ path, size: 20 * MiB + 7, data })
    const { bytes: read, holes } = await readAll(await openSource(path))
    assert.ok(read.equals(await readFile(path)))
    assert.is(holes.length, 3)
    const holeBytes = holes.reduce((sum, [, length]) => sum + length, 0)
    assert.ok(holeBytes > 19 * MiB, `${holeBytes} bytes in holes`)
    for (const [at, length] of holes) {
      assert.is(at % 4096, 0)
      assert.ok((at + length) % 4096 === 0 || at + length === read.length)
    }
  })
})

test('a file that is one hole, and an empty one', async () => {
  await withScratch(async (dir) => {
    await writeSparse({ path: join(dir, 'hole'), size: 5 * MiB, data: [] })
    assert.equal((await readAll(await openSource(join(dir, 'hole')))).holes, [[0, 5 * MiB]])
    await writeFile(join(dir, 'empty'), '')
    assert.is((await readAll(await openSource(join(dir, 'empty')))).bytes.length, 0)
  })
})

test('ranges of data are widened to whole pages', () => {
  const ranges = [
    { start: 5000, end: 5001 },
    { start: 8000, end: 9000 },
    { start: 20_000, end: 20_001 },
  ]
  assert.equal(wholePages(ranges, 20_001), [
    { start: 4096, end: 12_288 },
    { start: 16_384, end: 20_001 },
  ])
})

test('reads standard input to its end, in whatever pieces it comes', async () => {
  const bytes = noise('stdin', 300_000)
  const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 200_000), bytes.subarray(200_000)]
  const source = await openSource('-', { stdin: Readable.from(pieces) })
  assert.is(source.size, undefined)
  assert.equal((await readAll(source, 4096)).bytes, bytes)
})

test('a silent standard input can be stopped', async () => {
  const source = await openSource('-', { stdin: new PassThrough() })
  const stop = new AbortController()
  const next = source.next(new Uint8Array(4096), { signal: stop.signal })
  stop.abort()
  await rejects(next, AbortedError)
  await source.close()
})

test('reads a named pipe', async () => {
  await withScratch(async (dir) => {
    const path = join(dir, 'pipe')
    await promisify(execFile)('mkfifo', [path])
    const [source] = await Promise.all([openSource(path), writeFile(path, 'through a pipe')])
    assert.is((await readAll(source)).bytes.toString(), 'through a pipe')
  })
})

test('a file that grows, shrinks or is written to while it is read is a conflict', async () => {
  await withScratch(async (dir) => {
    const path = join(dir, 'image')
    const changes = [
      () => appendFile(path, 'more'),
      () => truncate(path, 1000),
      () => utimes(path, new Date(1000), new Date(1000)),
    ]
    for (const change of changes) {
      await writeFile(path, noise('image', 100_000))
      const source = await openSource(path)
      await source.next(new Uint8Array(4096))
      await change()
      await rejects(readAll(source), ConflictError)
    }
  })
})

test('refuses what is not there or no image', async () => {
  await withScratch(async (dir) => {
    await rejects(openSource(join(dir, 'absent')), NotFoundError)
    await mkdir(join(dir, 'directory'))
    await rejects(openSource(join(dir, 'directory')), InvalidError)
    await rejects(openSource('/dev/null'), InvalidError)
  })
})

test.run()
