import { appendFile, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Digest, digestOf } from '../../../src/core/cid.ts'
import { decodeFrame } from '../../../src/core/frame-codec.ts'
import { SEED_RETRY_MS } from '../../../src/core/limits.ts'
import { decodeSegment } from '../../../src/core/segment.ts'
import { Seeds } from '../../../src/image/seed/seeds.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { writeDiskImage } from '../../fixtures/disk-image.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { importBytes } from '../../fixtures/import-image.ts'
import { recordingLog } from '../../fixtures/recording-log.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const MiB = 1024 * 1024
const test = suite('seeds')

/** A disk image on disk, and the digests of its blocks as an import finds them. */
async function image(path: string, seed = 1): Promise<Digest[]> {
  await writeDiskImage(path, 6 * MiB, seed)
  const { manifest, store } = await importBytes(await readFile(path))
  const digests: Digest[] = []
  for (const { digest } of manifest.segments) {
    const [frame] = await store.get([digest])
    if (frame !== undefined) digests.push(...decodeSegment(decodeFrame(frame)).digests)
  }
  return digests
}

async function withSeeds(
  task: (context: {
    dir: string
    store: MemoryStore
    seeds: Seeds
    clock: FakeClock
    warnings: () => string[]
    reopen: () => Promise<Seeds>
  }) => Promise<void>,
): Promise<void> {
  await withScratch(async (dir) => {
    const store = new MemoryStore()
    const clock = new FakeClock(1_000_000)
    const { log, lines } = recordingLog()
    const at = { path: join(dir, 'index.sqlite'), directories: [dir] }
    let seeds = await Seeds.open({ blocks: store, clock, log }, at)
    const reopen = async () => {
      await seeds.close()
      seeds = await Seeds.open({ blocks: store, clock, log }, at)
      return seeds
    }
    const warnings = () => lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
    try {
      await task({ dir, store, seeds, clock, warnings, reopen })
    } finally {
      await seeds.close()
    }
  })
}

const count = (brought: readonly boolean[]) => brought.filter((there) => there).length

test('blocks of a file come into the store as frames that are what their digests say, also after a new start', () =>
  withSeeds(async ({ dir, store, seeds, reopen }) => {
    const path = join(dir, 'old.img')
    const digests = await image(path)
    let last = 0
    await seeds.add([path], { onProgress: ({ bytes }) => (last = bytes) })
    assert.is(last, 6 * MiB)
    assert.is((await store.stat()).blocks, 0, 'nothing is stored when a seed is added')
    const [listed] = await seeds.list()
    assert.is(listed?.state, 'current')
    assert.is(listed?.blocks, new Set(digests.map((digest) => Buffer.from(digest).toString('hex'))).size)
    const unknown = digestOf(Buffer.from('unknown'))
    const again = await reopen()
    assert.equal(await again.bring([unknown, ...digests]), [false, ...digests.map(() => true)])
    await rm(path)
    for (const frame of await store.get(digests)) if (frame !== undefined) decodeFrame(frame)
    assert.not((await store.has(digests)).includes(false))
  }))

test('a file that was written since is none any more, and nothing of it is brought', () =>
  withSeeds(async ({ dir, seeds, warnings }) => {
    const path = join(dir, 'old.img')
    const digests = await image(path)
    await seeds.add([path])
    await appendFile(path, 'x')
    assert.is((await seeds.list())[0]?.state, 'changed')
    assert.is(count(await seeds.bring(digests)), 0)
    assert.equal(warnings(), ['a seed has changed and is none any more: add it again'])
    assert.equal(await seeds.list(), [])
    await seeds.add([path])
    assert.ok(
      count(await seeds.bring(digests)) > digests.length - 8,
      'all but its end, when it is added again',
    )
  }))

test('a block that is another one by now drops the file, though its times are those of before', () =>
  withSeeds(async ({ dir, store, seeds, warnings }) => {
    const path = join(dir, 'old.img')
    const digests = await image(path)
    await seeds.add([path])
    const file = await open(path, 'r+')
    const { atime, mtime } = await file.stat()
    const before = (await file.stat({ bigint: true })).mtimeNs
    await file.write(Buffer.alloc(4096, 7), 0, 4096, 3 * MiB)
    await file.utimes(atime, mtime)
    const same = (await file.stat({ bigint: true })).mtimeNs === before
    await file.close()
    const brought = await seeds.bring(digests)
    assert.ok(brought.includes(false))
    if (same) assert.ok(count(brought) > 0)
    assert.equal(warnings(), ['a seed has changed and is none any more: add it again'])
    for (const [i, there] of (await store.has(digests)).entries()) assert.is(there, brought[i])
    for (const frame of await store.get(digests)) if (frame !== undefined) decodeFrame(frame)
  }))

test('what one seed has lost comes from another that has it', () =>
  withSeeds(async ({ dir, seeds }) => {
    const [one, other] = [join(dir, 'one.img'), join(dir, 'other.img')]
    const digests = await image(one)
    await image(other)
    await seeds.add([one, other])
    await appendFile(one, 'x')
    assert.is(count(await seeds.bring(digests)), digests.length)
    assert.equal(
      (await seeds.list()).map(({ path }) => path),
      [other],
    )
  }))

test('a file that is away for a while is left alone, and used when it is back', () =>
  withSeeds(async ({ dir, seeds, clock, warnings }) => {
    const path = join(dir, 'old.img')
    const digests = await image(path)
    await seeds.add([path])
    await rename(path, `${path}.away`)
    assert.is((await seeds.list())[0]?.state, 'missing')
    assert.is(count(await seeds.bring(digests)), 0)
    await rename(`${path}.away`, path)
    assert.is(count(await seeds.bring(digests)), 0, 'it rests')
    assert.equal(warnings(), ['a seed cannot be read: its blocks are fetched'])
    await clock.advance(SEED_RETRY_MS)
    assert.is(count(await seeds.bring(digests)), digests.length)
  }))

test('a file that is written while it is added is refused and leaves nothing', () =>
  withSeeds(async ({ dir, seeds }) => {
    const path = join(dir, 'old.img')
    const digests = await image(path)
    const writes: Promise<void>[] = []
    const adding = seeds.add([path], { onProgress: () => writes.push(appendFile(path, 'x')) })
    const failure = await failureOf(adding)
    await Promise.all(writes)
    assert.is((failure as { code?: string }).code, 'E_CONFLICT')
    assert.match(String((failure as Error).message), 'add it when nothing writes to it')
    assert.equal(await seeds.list(), [])
    assert.is(count(await seeds.bring(digests)), 0)
  }))

test('what is removed is not brought, and what is no seed cannot be removed', () =>
  withSeeds(async ({ dir, seeds }) => {
    const [one, other] = [join(dir, 'one.img'), join(dir, 'other.img')]
    const digests = await image(one)
    await image(other, 2)
    await seeds.add([one, other])
    assert.throws(() => seeds.remove([one, join(dir, 'none')]), /is no seed/)
    assert.is((await seeds.list()).length, 2)
    seeds.remove([one])
    assert.is(count(await seeds.bring(digests)), 0)
  }))

test('one path that may not be a seed keeps all from being read', () =>
  withSeeds(async ({ dir, seeds }) => {
    const path = join(dir, 'old.img')
    await image(path)
    const failure = await failureOf(seeds.add([path, '/etc/hostname']))
    assert.is((failure as { code?: string }).code, 'E_NOT_AUTHORISED')
    assert.equal(await seeds.list(), [])
  }))

test('an aborted call brings nothing more', () =>
  withSeeds(async ({ dir, store, seeds }) => {
    const path = join(dir, 'old.img')
    const digests = await image(path)
    await seeds.add([path])
    const failure = await failureOf(seeds.bring(digests, { signal: AbortSignal.abort() }))
    assert.is((failure as { code?: string }).code, 'E_ABORTED')
    assert.is((await store.stat()).blocks, 0)
  }))

test('an index that cannot be read is made anew', () =>
  withSeeds(async ({ dir, seeds, warnings, reopen }) => {
    await seeds.close()
    await writeFile(join(dir, 'index.sqlite'), 'no database'.repeat(1000))
    assert.equal(await (await reopen()).list(), [])
    assert.equal(warnings(), ['the index of seeds cannot be read: add them again'])
  }))

test.run()
