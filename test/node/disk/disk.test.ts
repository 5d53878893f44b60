import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../../node/disk/disk.ts'
import { CACHED, type Pieces } from '../../../node/disk/nbd/export.ts'
import { parseManifestId } from '../../../src/core/cid.ts'
import { DISK_LOSS_ERROR_MS, DISK_OPEN_TIMEOUT_MS, DISK_STALL_MS } from '../../../src/core/disk-limits.ts'
import { IntegrityError, StorageFullError } from '../../../src/core/errors.ts'
import type { Frame } from '../../../src/core/frame.ts'
import { walkManifest } from '../../../src/image/manifest-walk.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import {
  holderOf,
  LAZY_REFERENCE,
  type LazySite,
  lazyImage,
  lazySite,
  putSome,
} from '../../fixtures/lazy-site.ts'
import { outputOf } from '../../fixtures/nbd-process.ts'
import { withNbd } from '../../fixtures/nbd-site.ts'
import { missingPrograms, testsThatNeed } from '../../fixtures/programs.ts'
import { withScratch } from '../../fixtures/scratch.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const test = suite('lazy disks')
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))
const withClients = testsThatNeed(test, missingPrograms('nbdinfo', 'nbdcopy', 'qemu-img'))

const IMAGE = await lazyImage(seededRandom(7))
const OPEN = { name: 'vm', fill: false, onLoss: 'wait' } as const
const { signal } = new AbortController()

function joined(pieces: Pieces): Buffer {
  const bytes = pieces.map((piece) => ('zeros' in piece ? Buffer.alloc(piece.zeros) : piece))
  const all = Buffer.concat(bytes)
  pieces.release?.()
  return all
}

const readAt = async (disk: Disk, offset: number, length: number) =>
  joined(await disk.read(offset, length, { signal }))

const isRight = async (disk: Disk, offset: number, length: number) =>
  (await readAt(disk, offset, length)).equals(IMAGE.bytes.subarray(offset, offset + length))

const codeOf = (done: Promise<unknown>) =>
  done.then(
    () => 'ok',
    (error: { code?: string }) => error.code,
  )

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** A place within the image, at random: mostly small reads, some across many blocks. */
function anyRange(random: () => number): { offset: number; length: number } {
  const offset = Math.floor(random() * IMAGE.bytes.length)
  const length = 1 + Math.floor(random() ** 3 * Math.min(2_000_000, IMAGE.bytes.length - offset - 1))
  return { offset, length }
}

function withSite(
  task: (site: LazySite) => Promise<void>,
  init?: Parameters<typeof lazySite>[2],
): Promise<void> {
  return withScratch(async (dir) => {
    const site = await lazySite(join(dir, 'images'), IMAGE, init)
    try {
      await task(site)
    } finally {
      await site.stop()
    }
  })
}

for (const share of [0, 0.3, 0.9]) {
  test(`gives the bytes of the image wherever it is read, with ${share} of its blocks here`, () =>
    withSite(async (site) => {
      const random = seededRandom(share * 100 + 1)
      const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
      await putSome(site, IMAGE, () => random() < share)
      site.peers = [origin.address]
      const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
      assert.is(disk.size, IMAGE.bytes.length)
      const reads = Array.from({ length: 60 }, () => anyRange(random))
      const right = await Promise.all(reads.map(({ offset, length }) => isRight(disk, offset, length)))
      assert.ok(right.every((each) => each))
      const stats = disk.stats()
      assert.is(stats.reads, 60)
      assert.is(stats.errors, 0)
      assert.ok(stats.bytes.wireFromOrigin > 0)
      assert.ok(stats.shareLocal < 1)
      await disk.close()
      await origin.exchange.stop()
    }))
}

test('answers at once what it has read before', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
    assert.ok(await isRight(disk, 5000, 10_000))
    const again = disk.read(5000, 10_000, { signal })
    assert.not(again instanceof Promise)
    assert.ok(joined(await again).equals(IMAGE.bytes.subarray(5000, 15_000)))
    await disk.close()
    await origin.exchange.stop()
  }))

test('disks of one image share what fetches it, and the last one ends it', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const one = await site.opener.open(LAZY_REFERENCE, OPEN)
    const two = await site.opener.open(LAZY_REFERENCE, { ...OPEN, name: 'vm2' })
    assert.is(site.puller.running().length, 1)
    await Promise.all([isRight(one, 0, 500_000), isRight(two, 0, 500_000)])
    assert.is(
      one.stats().bytes.fetched + two.stats().bytes.fetched,
      site.puller.running()[0]?.session.stats.bytes.fetchedUncompressed,
    )
    await one.close()
    assert.ok(await isRight(two, 1_000_000, 50_000))
    const received = site.puller.running()[0]?.session.stats.bytes.wireFromOrigin ?? 0
    assert.equal(site.opener.wire, { fromOrigin: received, fromPeers: 0 })
    await two.close()
    await until(() => site.puller.running().length === 0)
    assert.ok(received > 0)
    assert.equal(site.opener.wire, { fromOrigin: received, fromPeers: 0 })
    assert.is(await codeOf(readAt(two, 0, 100)), 'E_UNREACHABLE')
    await origin.exchange.stop()
  }))

test('fetches little more than what is read at random', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
    const random = seededRandom(3)
    const touched = new Set<number>()
    for (let i = 0; i < 30; i++) {
      const offset = 4096 * Math.floor((random() * (IMAGE.bytes.length - 43_008)) / 4096)
      assert.ok(await isRight(disk, offset, 43_008))
      for (let page = 0; page < 11; page++) touched.add(offset / 4096 + page)
    }
    // Blocks are whole: what lies in them beside a read comes along, and nothing else.
    assert.ok(disk.stats().bytes.fetched < IMAGE.bytes.length * 0.75)
    assert.ok(disk.stats().runs.held < disk.stats().runs.total)
    await disk.close()
    await origin.exchange.stop()
  }))

test('is complete when all of it was read, although nothing was filled', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
    const starts = Array.from({ length: IMAGE.bytes.length / 131_072 }, (_, i) => i * 131_072)
    for (const ahead of [0, 100_000]) {
      const reads = starts.map((at) =>
        isRight(disk, Math.min(at + ahead, IMAGE.bytes.length - 200_000), 200_000),
      )
      assert.ok((await Promise.all(reads)).every((right) => right))
    }
    await until(() => disk.complete && site.puller.running().length === 0)
    assert.equal(disk.stats().runs.held, disk.stats().runs.total)
    await disk.close()
    await origin.exchange.stop()
  }))

test('a damaged block is fetched again, counted, and never given', () =>
  withSite(async (site) => {
    await putSome(site, IMAGE, () => true)
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    const { blocks } = site.node
    const get = blocks.get.bind(blocks)
    const damaged = await digestAt(1_000_000)
    let deleted = 0
    blocks.get = async (digests) => {
      const frames = await get(digests)
      return frames.map((frame) => {
        if (frame === undefined || deleted > 0 || !damaged.equals(frame.digest)) return frame
        const bytes = new Uint8Array(frame.bytes)
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
        return { ...frame, bytes }
      })
    }
    const remove = blocks.delete.bind(blocks)
    blocks.delete = async (digests) => {
      assert.ok(digests.length === 1 && damaged.equals(digests[0] ?? new Uint8Array()))
      deleted++
      await remove(digests)
    }
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
    assert.ok(await isRight(disk, 500_000, 1_000_000))
    assert.is(deleted, 1)
    assert.is(disk.stats().damagedBlocks, 1)
    assert.is(site.puller.running()[0]?.session.stats.blocks.fetched ?? 1, 1)
    assert.ok(site.lines.some(({ level, message }) => level === 'error' && /damaged/.test(message)))
    await disk.close()
    await origin.exchange.stop()
  }))

test('what is in memory alone, because the store was cleaned, is fetched again for later', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const first = await site.opener.open(LAZY_REFERENCE, OPEN)
    assert.ok(await isRight(first, 500_000, 10_000))
    await first.close()
    const { blocks } = site.node
    for await (const digest of blocks.list()) await blocks.delete([digest])
    const disk = await site.opener.open(LAZY_REFERENCE, { ...OPEN, name: 'again' })
    await disk.prefetch(500_000, 10_000, { signal })
    const range = { offset: 500_000, length: 10_000, extentsMax: 1 }
    const [extent] = await disk.extents('cached', range, { signal })
    assert.ok(extent !== undefined && extent.flags === CACHED.local && extent.length >= 10_000)
    await disk.close()
    await origin.exchange.stop()
  }))

test('a store that cannot keep anything gives errors, not wrong bytes', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
    site.node.blocks.get = async () => {
      throw new IntegrityError('damaged')
    }
    assert.is(await codeOf(readAt(disk, 4096, 100)), 'E_INTEGRITY')
    assert.is(disk.stats().errors, 1)
    await disk.close()
    await origin.exchange.stop()
  }))

test('a read waits while nobody has it; after 5 s somebody is told, and it goes on when one comes', async () => {
  const clock = new FakeClock(Date.now())
  await withSite(
    async (site) => {
      await site.node.nodes.put((await all(IMAGE)).filter(({ length }) => length < 70_000))
      const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
      const read = isRight(disk, 4096, 1000)
      await clock.advance(DISK_STALL_MS - 10)
      assert.is(disk.state, 'ready')
      await clock.advance(20)
      assert.is(disk.state, 'stalled')
      const { waits, waitMs, shareLocal, stalls } = disk.stats()
      assert.equal([waits, shareLocal, stalls], [1, 0, 1], 'it waits, and has not ended')
      assert.ok(waitMs.p99 >= DISK_STALL_MS && waitMs.max >= DISK_STALL_MS)
      assert.is(site.lines.filter(({ level }) => level === 'error').length, 1)
      const holder = await holderOf(site, IMAGE, { name: 'holder', clock })
      for (const pull of site.puller.running()) pull.session.learn([holder.address])
      await clock.advance(1000)
      assert.ok(await read)
      assert.is(disk.state, 'ready')
      assert.is(disk.stats().waits, 1)
      assert.ok(disk.stats().waitMs.max >= DISK_STALL_MS)
      await disk.close()
      await holder.exchange.stop()
    },
    { clock },
  )
})

test('a disk that is detached while it is stalled says nothing of reads that go on', async () => {
  const clock = new FakeClock(Date.now())
  await withSite(
    async (site) => {
      await site.node.nodes.put(await all(IMAGE))
      const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
      const read = codeOf(readAt(disk, 4096, 1000))
      await clock.advance(DISK_STALL_MS + 10)
      assert.is(disk.state, 'stalled')
      const closed = disk.close()
      assert.is(disk.state, 'ready')
      assert.is(await read, 'E_UNREACHABLE')
      await closed
      assert.not(site.lines.some(({ message }) => message === 'the reads of a disk go on'))
    },
    { clock },
  )
})

test('a read that waits for the places of its blocks counts as one that waits', async () => {
  const clock = new FakeClock(Date.now())
  await withSite(
    async (site) => {
      await site.node.nodes.put(await IMAGE.store.get([parseManifestId(IMAGE.id)]).then(present))
      const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
      const reads = [4096, 8192].map((at) => codeOf(readAt(disk, at, 1000)))
      await clock.advance(DISK_STALL_MS + 10)
      const { waits, waitMs, shareLocal } = disk.stats()
      assert.equal([waits, shareLocal], [2, 0])
      assert.ok(waitMs.p99 >= DISK_STALL_MS)
      await disk.close()
      assert.equal(await Promise.all(reads), ['E_UNREACHABLE', 'E_UNREACHABLE'])
      assert.is(disk.stats().waits, 2)
    },
    { clock },
  )
})

test('a disk that is to give errors gives one in time', async () => {
  const clock = new FakeClock(Date.now())
  await withSite(
    async (site) => {
      await site.node.nodes.put(await all(IMAGE))
      const disk = await site.opener.open(LAZY_REFERENCE, { ...OPEN, onLoss: 'error' })
      const read = codeOf(readAt(disk, 4096, 1000))
      await clock.advance(DISK_LOSS_ERROR_MS + 10)
      assert.is(await read, 'E_UNREACHABLE')
      await disk.close()
    },
    { clock },
  )
})

test('a disk that is to give errors gives one in time where nobody gives a segment either', async () => {
  const clock = new FakeClock(Date.now())
  await withSite(
    async (site) => {
      await site.node.nodes.put(await IMAGE.store.get([parseManifestId(IMAGE.id)]).then(present))
      const disk = await site.opener.open(LAZY_REFERENCE, { ...OPEN, onLoss: 'error' })
      let extents: string | undefined = 'waits'
      const read = codeOf(readAt(disk, 4096, 1000))
      const range = { offset: 0, length: 4096, extentsMax: 1 }
      const told = codeOf(Promise.resolve(disk.extents('allocation', range, { signal }))).then((code) => {
        extents = code
      })
      await clock.advance(DISK_LOSS_ERROR_MS - 10)
      assert.is(extents, 'waits')
      await clock.advance(20)
      assert.is(await read, 'E_UNREACHABLE')
      await told
      assert.is(extents, 'E_UNREACHABLE')
      assert.is(disk.stats().errors, 1)
      const holder = await holderOf(site, IMAGE, { name: 'holder', clock })
      for (const pull of site.puller.running()) pull.session.learn([holder.address])
      const again = isRight(disk, 4096, 1000)
      await clock.advance(10_000)
      assert.ok(await again)
      await disk.close()
      await holder.exchange.stop()
    },
    { clock },
  )
})

test('without the tracker a disk is opened by what it said before, if the grant holds', async () => {
  const clock = new FakeClock(Date.now())
  await withSite(
    async (site) => {
      site.away = true
      assert.is(await codeOf(site.opener.open(LAZY_REFERENCE, OPEN)), 'E_UNREACHABLE')
      site.away = false
      await site.node.nodes.put(await all(IMAGE))
      await (await site.opener.open(LAZY_REFERENCE, OPEN)).close()
      site.away = true
      const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
      await disk.close()
      await clock.advance(3_600_000)
      assert.is(await codeOf(site.opener.open(LAZY_REFERENCE, OPEN)), 'E_GRANT')
    },
    { clock },
  )
})

test('an image that cannot be noted is not opened', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    site.catalog.save = async () => {
      throw new StorageFullError('the disk is full')
    }
    assert.is(await codeOf(site.opener.open(LAZY_REFERENCE, OPEN)), 'E_STORAGE_FULL')
    await until(() => site.puller.running().length === 0)
    await origin.exchange.stop()
  }))

test('an image whose manifest nobody gives is not opened', async () => {
  const clock = new FakeClock(Date.now())
  await withSite(
    async (site) => {
      const opening = codeOf(site.opener.open(LAZY_REFERENCE, OPEN))
      await clock.advance(DISK_OPEN_TIMEOUT_MS + 10)
      assert.is(await opening, 'E_UNREACHABLE')
      await until(() => site.puller.running().length === 0)
    },
    { clock },
  )
})

test('fills up, is complete, and is opened again without asking anybody', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, { ...OPEN, fill: true })
    assert.ok(await isRight(disk, 4096, 100_000))
    await until(() => disk.complete && site.puller.running().length === 0)
    assert.is(site.catalog.find(LAZY_REFERENCE)?.complete, true)
    await origin.exchange.stop()
    assert.ok(await isRight(disk, 0, IMAGE.bytes.length))
    await disk.close()
    site.away = true
    const again = await site.opener.open(LAZY_REFERENCE, OPEN)
    assert.ok(await isRight(again, 0, IMAGE.bytes.length))
    await again.close()
  }))

test('a pull of the image takes over what its disks have begun', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
    assert.ok(await isRight(disk, 4096, 100_000))
    const { result } = await site.puller.start(LAZY_REFERENCE)
    await disk.close()
    assert.is((await result).version, 1)
    assert.is(site.catalog.find(LAZY_REFERENCE)?.complete, true)
    await origin.exchange.stop()
  }))

withClients('real clients read the image, and see what is local', () =>
  withSite(async (site) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true })
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, OPEN)
    await withNbd(disk, ({ path }) =>
      withScratch(async (dir) => {
        const uri = `nbd+unix:///vm?socket=${path}`
        const localBytes = async () => {
          const map = JSON.parse(await outputOf('nbdinfo', '--map=x-bootswarm:cached', '--json', uri))
          return map.reduce(
            (sum: number, part: { type: number; length: number }) =>
              sum + (part.type === CACHED.local ? part.length : 0),
            0,
          )
        }
        const zeros = await localBytes()
        assert.ok(zeros < IMAGE.bytes.length / 2)
        assert.ok(await isRight(disk, 4096, 500_000))
        const some = await localBytes()
        assert.ok(some > zeros && some < IMAGE.bytes.length)
        const source = join(dir, 'source.raw')
        await writeFile(source, IMAGE.bytes)
        await outputOf('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, source)
        assert.is(await localBytes(), IMAGE.bytes.length)
        await outputOf('nbdcopy', uri, join(dir, 'copy.raw'))
        assert.ok((await readFile(join(dir, 'copy.raw'))).equals(IMAGE.bytes))
      }),
    )
    await disk.close()
    await origin.exchange.stop()
  }),
)

/** Digest of the first block at or after an offset. */
async function digestAt(offset: number): Promise<Buffer> {
  let at = 0
  for await (const { segment } of walkManifest(IMAGE.store, { manifest: IMAGE.manifest })) {
    let block = 0
    for (const span of segment.spans) {
      if (span > 0 && at >= offset) return Buffer.from(segment.digests[block] ?? [])
      if (span > 0) block++
      at += Math.abs(span)
    }
  }
  throw new RangeError('no block there')
}

async function all({ store }: typeof IMAGE) {
  const digests = []
  for await (const digest of store.list()) digests.push(digest)
  return present(await store.get(digests))
}

const present = (frames: readonly (Frame | undefined)[]) => frames.filter((frame) => frame !== undefined)

test.run()
