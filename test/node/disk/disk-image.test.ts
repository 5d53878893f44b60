import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../../node/disk/disk.ts'
import { DISK_OPEN_TIMEOUT_MS, DISK_REFUSED_RETRY_MS, DISK_RETRY_MS } from '../../../src/core/disk-limits.ts'
import {
  GrantError,
  NotAuthorisedError,
  NotFoundError,
  StorageFullError,
  UnreachableError,
} from '../../../src/core/errors.ts'
import { PEER_RETRY_MS, REFUSED_RETRY_MS } from '../../../src/core/limits.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { holderOf, LAZY_REFERENCE, type LazySite, lazyImage, lazySite } from '../../fixtures/lazy-site.ts'
import { withScratch } from '../../fixtures/scratch.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const test = suite('an image that disks read')
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

const IMAGE = await lazyImage(seededRandom(11), 4)
const OPEN = { name: 'vm', fill: false, onLoss: 'wait' } as const
const { signal } = new AbortController()
const MiB = 1024 * 1024

async function isRight(disk: Disk, offset: number, length: number): Promise<boolean> {
  const pieces = await disk.read(offset, length, { signal })
  const bytes = pieces.map((piece) => ('zeros' in piece ? Buffer.alloc(piece.zeros) : piece))
  const right = Buffer.concat(bytes).equals(IMAGE.bytes.subarray(offset, offset + length))
  pieces.release?.()
  return right
}

const codeOf = (done: Promise<unknown>) =>
  done.then(
    () => 'ok',
    (error: { code?: string }) => error.code,
  )

/** Lets time pass until it holds: no faster than files are read and written, which a deadline of 30 s allows for. */
async function until(clock: FakeClock, holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    assert.ok(turns < 20_000, 'it never holds')
    await clock.advance(10)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** Lets so much time pass, in steps between which files are read and written. */
async function passes(clock: FakeClock, ms: number): Promise<void> {
  const endMs = clock.monotonic() + ms
  await until(clock, () => clock.monotonic() >= endMs)
}

/** Lets files be written until it holds; no time passes. */
async function settled(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

function withSite(
  task: (site: LazySite, clock: FakeClock) => Promise<void>,
  init?: Parameters<typeof lazySite>[2],
): Promise<void> {
  const clock = new FakeClock(Date.now())
  return withScratch(async (dir) => {
    const site = await lazySite(join(dir, 'images'), IMAGE, { clock, ...init })
    try {
      await task(site, clock)
    } finally {
      await site.stop()
    }
  })
}

test('is filled again some time after its session ended, although nobody reads', () =>
  withSite(async (site, clock) => {
    const disk = await opened(site, clock, { ...OPEN, fill: true })
    for (const reason of [new UnreachableError('gone'), new NotAuthorisedError('not any more')]) {
      site.puller.stopAll(reason)
      await settled(() => site.puller.running().length === 0)
      assert.not(disk.complete)
      await clock.advance(DISK_RETRY_MS)
      await settled(() => site.puller.running().length === 1)
    }
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true, clock })
    for (const { session } of site.puller.running()) session.learn([origin.address])
    await until(clock, () => disk.complete)
    await disk.close()
    await origin.exchange.stop()
  }))

test('is not asked for again and again where it may not be read', () =>
  withSite(async (site, clock) => {
    const disk = await opened(site, clock, { ...OPEN, fill: true })
    let joins = 0
    site.refusal = () => {
      joins++
      return new NotAuthorisedError('not this node')
    }
    site.puller.stopAll(new NotAuthorisedError('not any more'))
    await settled(() => site.puller.running().length === 0)
    await clock.advance(DISK_RETRY_MS)
    await settled(() => joins === 1)
    await clock.advance(REFUSED_RETRY_MS - 100)
    assert.is(joins, 1)
    await clock.advance(100)
    await settled(() => joins === 2)
    await disk.close()
    assert.ok(site.lines.some(({ message }) => message === 'an image cannot be filled at the moment'))
  }))

test('a read waits while the right to the image has ended, and goes on by a newer one', () =>
  withSite(async (site, clock) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true, clock })
    site.peers = [origin.address]
    const disk = await opened(site, clock, { ...OPEN, delegation: 'old' })
    assert.ok(await isRight(disk, 4 * MiB - 8192, 8192))
    site.refusal = (delegation) => (delegation === 'new' ? undefined : new NotAuthorisedError('it has ended'))
    site.puller.stopAll(new NotAuthorisedError('it has ended'))
    await settled(() => disk.trouble !== undefined)
    assert.is(disk.state, 'ready', 'nothing waits yet')
    const why =
      'what is missing waits: the right that was lent to this node has ended (it has ended); lend it again: bootswarm disk attach site/disk@1 --delegate'
    assert.is(disk.trouble, why)
    assert.ok(await isRight(disk, 4 * MiB - 8192, 8192), 'what is here is read on')
    const read = isRight(disk, 4096, 100_000)
    await clock.advance(4 * PEER_RETRY_MS)
    assert.is(disk.state, 'stalled')
    const alarm = site.lines.find(({ message }) => message.startsWith('nobody gives'))
    assert.equal(alarm?.data, { disk: 'vm', image: 'site/disk@1', err: why })
    const entry = site.catalog.find(LAZY_REFERENCE)
    assert.ok(entry)
    await site.catalog.update(entry, { delegation: 'new' })
    site.opener.renewed(IMAGE.id)
    await settled(() => disk.stats().waits > 0)
    assert.ok(await read)
    assert.equal([disk.state, disk.trouble, disk.stats().errors], ['ready', undefined, 0])
    await disk.close()
    await origin.exchange.stop()
  }))

test('a disk that came back while the tracker was away is right again with it, although nobody reads', () =>
  withSite(async (site, clock) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true, clock })
    site.peers = [origin.address]
    const before = await opened(site, clock, OPEN)
    await before.close()
    await settled(() => site.puller.running().length === 0)
    let joins = 0
    site.refusal = () => {
      joins++
      return new GrantError('the tracker is away', { data: { away: true } })
    }
    const disk = await site.opener.open(LAZY_REFERENCE, { ...OPEN, isBack: true })
    assert.is(disk.trouble, 'the tracker is away')
    joins = 0
    await passes(clock, 4 * DISK_RETRY_MS)
    assert.ok(joins >= 3 && joins <= 4, `${joins} tries in ${4 * DISK_RETRY_MS} ms`)
    site.refusal = () => undefined
    await until(clock, () => disk.trouble === undefined)
    await disk.close()
    await origin.exchange.stop()
  }))

for (const refusal of [new NotAuthorisedError('not any more'), new GrantError('delegation has expired')])
  test(`a disk that comes back when the right has ended (${refusal.code}) is read as far as it is here`, () =>
    withSite(async (site, clock) => {
      const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true, clock })
      site.peers = [origin.address]
      const before = await opened(site, clock, { ...OPEN, delegation: 'old' })
      assert.ok(await isRight(before, 4096, 100_000))
      await before.close()
      await settled(() => site.puller.running().length === 0)
      site.refusal = () => refusal
      const back = { ...OPEN, delegation: 'old', fill: true }
      assert.is(await codeOf(site.opener.open(LAZY_REFERENCE, back)), refusal.code, 'one that is new')
      const disk = await site.opener.open(LAZY_REFERENCE, { ...back, isBack: true })
      assert.match(disk.trouble ?? '', /^what is missing waits: .*lend it again: bootswarm disk attach site/)
      assert.ok(await isRight(disk, 4096, 100_000))
      const read = isRight(disk, 2 * MiB, 100_000)
      site.refusal = () => undefined
      site.opener.renewed(IMAGE.id)
      await until(clock, () => disk.complete)
      assert.ok(await read)
      assert.is(disk.trouble, undefined)
      await disk.close()
      await origin.exchange.stop()
    }))

test('a disk that comes back on a full file system is read as far as it is here, and goes on when there is room', () =>
  withSite(async (site, clock) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true, clock })
    site.peers = [origin.address]
    const before = await opened(site, clock, OPEN)
    assert.ok(await isRight(before, 4096, 100_000))
    await before.close()
    await settled(() => site.puller.running().length === 0)
    const save = site.catalog.save.bind(site.catalog)
    site.catalog.save = async () => {
      throw new StorageFullError('an image cannot be noted: the disk is full')
    }
    assert.is(await codeOf(site.opener.open(LAZY_REFERENCE, OPEN)), 'E_STORAGE_FULL', 'one that is new')
    const disk = await site.opener.open(LAZY_REFERENCE, { ...OPEN, isBack: true })
    assert.match(disk.trouble ?? '', /the disk is full/)
    assert.ok(await isRight(disk, 4096, 100_000))
    const read = isRight(disk, 2 * MiB, 100_000)
    await passes(clock, PEER_RETRY_MS)
    site.catalog.save = save
    await until(clock, () => disk.trouble === undefined)
    assert.ok(await read)
    assert.is(disk.stats().errors, 0)
    await disk.close()
    await origin.exchange.stop()
  }))

test('nothing is begun again for a disk that only wants what it reads, nor for one that is closed', () =>
  withSite(async (site, clock) => {
    const lazy = await opened(site, clock, OPEN)
    const filled = await opened(site, clock, { ...OPEN, name: 'vm2', fill: true })
    await filled.close()
    site.puller.stopAll(new UnreachableError('gone'))
    await settled(() => site.puller.running().length === 0)
    await clock.advance(4 * DISK_RETRY_MS)
    assert.is(site.puller.running().length, 0)
    lazy.fill(true)
    await until(clock, () => site.puller.running().length === 1)
    site.puller.stopAll(new UnreachableError('gone'))
    await lazy.close()
    await settled(() => site.puller.running().length === 0)
    await clock.advance(4 * DISK_RETRY_MS)
    assert.is(site.puller.running().length, 0)
  }))

test('a session that failed is followed by another when a disk is read', () =>
  withSite(async (site, clock) => {
    const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true, clock })
    site.peers = [origin.address]
    const disk = await opened(site, clock, { ...OPEN, fill: true })
    const { blocks } = site.node
    const put = blocks.put.bind(blocks)
    blocks.put = async () => {
      throw new StorageFullError('the disk of this node is full')
    }
    await until(clock, () => site.puller.running().length === 0)
    blocks.put = put
    const read = isRight(disk, 4096, 100_000)
    await until(clock, () => disk.stats().waits > 0)
    assert.ok(await read)
    await disk.close()
    await origin.exchange.stop()
  }))

test('a store that is full makes reads wait with the reason, and gives no errors; they go on when there is room', () =>
  withSite(async (site, clock) => {
    const origin = await heldByOrigin(site, clock)
    const disk = await opened(site, clock, OPEN)
    const { blocks } = site.node
    const put = blocks.put.bind(blocks)
    let tries = 0
    blocks.put = async () => {
      throw new StorageFullError(tries++ % 2 === 0 ? 'the disk of this node is full' : 'no room')
    }
    const read = isRight(disk, 4096, 100_000)
    await until(clock, () => disk.state === 'stalled')
    assert.ok(tries > 2)
    assert.is(disk.trouble, 'the disk of this node is full', 'one trouble, whatever each try says')
    assert.equal([disk.stats().waits, disk.stats().errors], [1, 0])
    blocks.put = put
    await until(clock, () => disk.state === 'ready')
    assert.ok(await read)
    assert.equal([disk.trouble, disk.stats().errors], [undefined, 0])
    await disk.close()
    await origin.exchange.stop()
  }))

test('sessions that end as soon as they begin are tried with growing pauses, and are one line in the log', () =>
  withSite(async (site, clock) => {
    const origin = await heldByOrigin(site, clock)
    const disk = await opened(site, clock, OPEN)
    const save = site.catalog.save.bind(site.catalog)
    let tries = 0
    site.catalog.save = async () => {
      tries++
      throw new StorageFullError('the disk is full')
    }
    site.puller.stopAll(new UnreachableError('gone'))
    await settled(() => site.puller.running().length === 0)
    const read = isRight(disk, 4096, 100_000)
    await passes(clock, PEER_RETRY_MS)
    assert.ok(tries > 3 && tries < 15, `${tries} tries in ${PEER_RETRY_MS} ms`)
    assert.match(disk.trouble ?? '', /the disk is full/)
    const lines = site.lines.filter(({ message }) => message === 'a disk cannot be read at the moment')
    assert.is(lines.length, 1)
    site.catalog.save = save
    await until(clock, () => disk.trouble === undefined)
    assert.ok(await read)
    assert.equal([disk.state, disk.stats().errors], ['ready', 0])
    await disk.close()
    await origin.exchange.stop()
  }))

test('many reads of an image that is gone are one line in the log and few tries, and go on at once when it is back', () =>
  withSite(async (site, clock) => {
    const origin = await heldByOrigin(site, clock)
    const disk = await opened(site, clock, OPEN)
    let tries = 0
    site.refusal = () => {
      tries++
      return new NotFoundError('there is no image site/disk')
    }
    site.puller.stopAll(new UnreachableError('gone'))
    const reads = Array.from({ length: 100 }, (_, i) => isRight(disk, 4096 + 30_000 * i, 100))
    await settled(() => disk.trouble !== undefined)
    for (let i = 0; i < 4; i++) await clock.advance(DISK_REFUSED_RETRY_MS)
    const lines = site.lines.filter(({ message }) => message === 'a disk cannot be read at the moment')
    assert.is(lines.length, 1)
    assert.ok(tries > 10 && tries < 20, `${tries} tries in four minutes`)
    assert.is(disk.trouble, 'there is no image site/disk')
    site.refusal = () => undefined
    site.opener.renewed(IMAGE.id)
    const backMs = clock.monotonic()
    await until(clock, () => disk.trouble === undefined)
    assert.ok(clock.monotonic() - backMs < PEER_RETRY_MS)
    await until(clock, () => disk.state === 'ready')
    assert.ok((await Promise.all(reads)).every((right) => right))
    await disk.close()
    await origin.exchange.stop()
  }))

test('is not filled while there is no room for that, says so, is read all the same, and is filled when there is', () => {
  const room = { reason: 'no room' as string | undefined, told: () => {}, watchers: 0 }
  const watch = (changed: () => void) => {
    room.watchers++
    room.told = changed
    return () => void room.watchers--
  }
  const given = {
    get isOpen() {
      return room.reason === undefined
    },
    get reason() {
      return room.reason
    },
    watch,
  }
  const task = async (site: LazySite, clock: FakeClock) => {
    const origin = await heldByOrigin(site, clock)
    const disk = await opened(site, clock, { ...OPEN, fill: true })
    const read = isRight(disk, 4096, 100_000)
    await until(clock, () => disk.stats().waits > 0)
    assert.ok(await read)
    await clock.advance(60_000)
    assert.not(disk.complete)
    assert.equal([disk.trouble, disk.fillTrouble], [undefined, 'no room'])
    assert.equal([disk.state, room.watchers], ['ready', 1])
    room.reason = undefined
    room.told()
    await until(clock, () => disk.complete)
    assert.is(disk.fillTrouble, undefined)
    await until(clock, () => site.puller.running().length === 0)
    assert.is(room.watchers, 0, 'nothing is left to be filled')
    await disk.close()
    assert.is(room.watchers, 0)
    await origin.exchange.stop()
  }
  return withSite(task, { room: given })
})

for (const there of ['its manifest alone', 'nothing'] as const) {
  test(`counts as whole although of it there is ${there}: it is read all the same, and the catalog is corrected`, () =>
    withSite(async (site, clock) => {
      const origin = await heldByOrigin(site, clock)
      const entry = site.catalog.find(LAZY_REFERENCE)
      assert.ok(entry)
      await site.catalog.update(entry, { complete: true, onDemand: false })
      const { nodes } = site.node
      const links = IMAGE.manifest.segments.map(({ digest }) => digest)
      await nodes.delete(links)
      if (there === 'nothing') for await (const digest of nodes.list()) await nodes.delete([digest])
      const disk = await opened(site, clock, OPEN)
      const read = isRight(disk, 4096, 300_000)
      await until(clock, () => disk.stats().waits > 0 || disk.stats().errors > 0)
      assert.ok(await read)
      const now = site.catalog.find(LAZY_REFERENCE)
      assert.equal([now?.complete, now?.onDemand], [false, true])
      await disk.close()
      await origin.exchange.stop()
    }))
}

test('leaves an image of which somebody wants all as it is', () =>
  withSite(async (site, clock) => {
    const origin = await heldByOrigin(site, clock)
    const entry = site.catalog.find(LAZY_REFERENCE)
    assert.ok(entry)
    await site.catalog.update(entry, { onDemand: false })
    const disk = await opened(site, clock, OPEN)
    assert.is(site.catalog.find(LAZY_REFERENCE)?.onDemand, false)
    site.puller.resume()
    await until(clock, () => disk.complete)
    await disk.close()
    await origin.exchange.stop()
  }))

test('who opens it later waits as long as who was first', () =>
  withSite(async (site, clock) => {
    const open = site.puller.open.bind(site.puller)
    let opens = 0
    site.puller.open = (...call) => open(...call).finally(() => opens++)
    const first = codeOf(site.opener.open(LAZY_REFERENCE, OPEN))
    await settled(() => opens === 1)
    await clock.advance(DISK_OPEN_TIMEOUT_MS - PEER_RETRY_MS)
    const second = site.opener.open(LAZY_REFERENCE, { ...OPEN, name: 'vm2' })
    await settled(() => opens === 2)
    const [pull] = site.puller.running()
    await clock.advance(2 * PEER_RETRY_MS)
    assert.is(await first, 'E_UNREACHABLE')
    assert.is(site.puller.running()[0], pull)
    const holder = await holderOf(site, IMAGE, { name: 'holder', clock })
    pull?.session.learn([holder.address])
    const state = { disk: undefined as Disk | undefined }
    void second.then((disk) => Object.assign(state, { disk }))
    await until(clock, () => state.disk !== undefined)
    await (await second).close()
    await holder.exchange.stop()
  }))

test('while the tracker is away, peers of before give it, and who refuses is not held against it', () =>
  withSite(async (site, clock) => {
    const origin = await heldByOrigin(site, clock)
    await origin.exchange.stop()
    const peer = await holderOf(site, IMAGE, { name: 'peer', clock })
    const stranger = await holderOf(site, IMAGE, { name: 'stranger', clock })
    stranger.exchange.removeSwarm(IMAGE.id)
    site.away = true
    site.known = [origin.address, stranger.address, peer.address]
    const disk = await opened(site, clock, OPEN)
    const read = isRight(disk, 4096, 300_000)
    await until(clock, () => disk.stats().waits > 0)
    assert.ok(await read)
    assert.equal(site.puller.running()[0]?.session.banned, [])
    await disk.close()
    for (const { exchange } of [peer, stranger]) await exchange.stop()
  }))

/** An origin that has the image, which was a disk here before: its manifest is known. */
async function heldByOrigin(site: LazySite, clock: FakeClock) {
  const origin = await holderOf(site, IMAGE, { name: 'origin', origin: true, clock })
  site.peers = [origin.address]
  await (await opened(site, clock, OPEN)).close()
  await until(clock, () => site.puller.running().length === 0)
  return origin
}

/** Opened while its manifest is here, or peers are handed out. */
async function opened(
  site: LazySite,
  clock: FakeClock,
  init: Parameters<LazySite['opener']['open']>[1],
): Promise<Disk> {
  if (site.peers.length === 0) await site.node.nodes.put(await nodesOf())
  const state = { settled: false }
  const opening = site.opener
    .open(LAZY_REFERENCE, init)
    .finally(() => Object.assign(state, { settled: true }))
  opening.catch(() => {})
  await until(clock, () => state.settled)
  return await opening
}

async function nodesOf() {
  const digests = []
  for await (const digest of IMAGE.store.list()) digests.push(digest)
  return (await IMAGE.store.get(digests)).filter((frame) => frame !== undefined)
}

test.run()
