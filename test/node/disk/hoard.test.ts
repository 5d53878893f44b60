import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  DISK_LOSS_ERROR_MS,
  HOARD_ABSENT_MS,
  HOARD_RECHECK_MS,
  HOARD_ROUND_MS,
  HOARD_START_MS,
} from '../../../src/core/disk-limits.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { hoardSite as site } from '../../fixtures/hoard-site.ts'

const test = suite('the hoard')
const MiB = 1024 * 1024

test('keeps the boots of images that it may attach ready, within its budget', async () => {
  const { hoard, add, clock, here, round, ...all } = site({ budgetBytes: 2.5 * MiB })
  add('debian', 'alpine', 'fedora')
  await hoard.start()
  await clock.advance(HOARD_START_MS - 1)
  assert.is(here.size, 0)
  await clock.advance(60_000)
  assert.is(here.size, 2)
  assert.equal(hoard.figures, {
    ...{ images: 2, bytes: 2 * MiB, budgetBytes: 2.5 * MiB, fetchedBytes: 2 * MiB, evicted: 0 },
  })
  await round()
  assert.is(here.size, 2)
  assert.is(hoard.figures.fetchedBytes, 2 * MiB)
  await hoard.stop()
  assert.is(clock.pending, 0)
  assert.is(all.removed.length, 0)
})

test('what was attached longest ago gives way', async () => {
  const { hoard, add, clock, entryOf, round, ...all } = site({ budgetBytes: 2 * MiB })
  add('debian', 'alpine')
  await hoard.start()
  await clock.advance(HOARD_START_MS + 60_000)
  hoard.attached(entryOf('debian'))
  await clock.advance(10)
  add('fedora')
  await round()
  assert.equal(all.removed, [], 'who was never attached pushes nobody out')
  hoard.attached(entryOf('fedora'))
  await round()
  assert.equal(all.removed, ['alpine@1'])
  assert.is(hoard.figures.evicted, 1)
  assert.equal(all.brought.sort(), ['alpine@1', 'debian@1', 'fedora@1'])
  await hoard.stop()
})

test('a new version takes the place of the one before', async () => {
  const { hoard, add, clock, versions, here, inUse, round, ...all } = site({ budgetBytes: 10 * MiB })
  add('debian', 'alpine')
  await hoard.start()
  await clock.advance(HOARD_START_MS + 60_000)
  inUse.add('alpine@1')
  versions.set('debian', 2)
  versions.set('alpine', 2)
  await round()
  assert.equal(all.removed, ['debian@1'])
  assert.equal([...here.keys()].sort(), ['alpine@1', 'alpine@2', 'debian@2'])
  assert.is(hoard.figures.bytes, 2 * MiB)
  await hoard.stop()
})

test('what was attached is known after a restart, before the next round', async () => {
  const one = site({ budgetBytes: MiB })
  one.add('debian')
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  one.hoard.attached(one.entryOf('debian'))
  await one.hoard.stop()
  assert.equal(
    one.saved.map(({ own, digest }) => [own, digest]),
    [[false, 'digest']],
  )
  assert.ok((one.saved[0]?.attachedAt ?? 0) > 0)
})

test('what somebody has pulled or attached is never taken away', async () => {
  const { hoard, add, clock, here, entryOf, ...all } = site({ budgetBytes: MiB })
  add('debian')
  here.set('debian@1', entryOf('debian'))
  await hoard.start()
  await clock.advance(HOARD_START_MS + 60_000)
  add('alpine')
  hoard.attached(entryOf('alpine'))
  await clock.advance(HOARD_ROUND_MS)
  assert.equal(all.removed, [])
  assert.equal(all.brought, ['debian@1', 'alpine@1'])
  assert.is(hoard.figures.bytes, MiB)
  await hoard.stop()
})

test('a budget that was lowered is kept, and 0 gives everything away', async () => {
  const one = site({ budgetBytes: 2 * MiB })
  one.add('debian', 'alpine')
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  await one.hoard.stop()
  const two = site({ budgetBytes: 0, kept: one.saved })
  for (const name of ['debian', 'alpine']) two.here.set(`${name}@1`, two.entryOf(name))
  await two.hoard.start()
  await two.clock.advance(HOARD_START_MS + 60_000)
  assert.equal(two.removed.sort(), ['alpine@1', 'debian@1'])
  assert.is(two.hoard.figures.bytes, 0)
  await two.hoard.stop()
})

test('what was attached after the hoard had brought it in stays, by that version and the next', async () => {
  const { hoard, add, clock, here, entryOf, versions, round, ...all } = site({ budgetBytes: MiB })
  add('debian')
  await hoard.start()
  await clock.advance(HOARD_START_MS + 60_000)
  assert.equal(all.brought, ['debian@1'])
  hoard.attached(entryOf('debian'))
  await clock.advance(10)
  versions.set('debian', 2)
  await round()
  assert.equal([...here.keys()], ['debian@1', 'debian@2'])
  assert.is(hoard.figures.bytes, MiB, 'the version before is no part of the budget any more')
  hoard.attached(entryOf('debian'))
  await clock.advance(10)
  add('alpine')
  hoard.attached(entryOf('alpine'))
  await round()
  assert.equal([...here.keys()], ['debian@1', 'debian@2', 'alpine@1'])
  assert.equal(all.removed, [])
  await hoard.stop()
})

test('an image of which somebody wants all is left to its pull', async () => {
  const { hoard, add, clock, here, entryOf, round, ...all } = site({ budgetBytes: MiB })
  add('debian')
  const wanted = { ...entryOf('debian'), onDemand: false }
  here.set('debian@1', wanted)
  await hoard.start()
  await clock.advance(HOARD_START_MS + 60_000)
  await round()
  assert.equal(all.brought, [])
  assert.is(here.get('debian@1'), wanted)
  assert.is(hoard.figures.bytes, 0)
  await hoard.stop()
})

test('an image that nobody gives any more holds up no other', async () => {
  const { hoard, add, clock, lost, round, ...all } = site({ budgetBytes: 2 * MiB })
  add('debian', 'alpine')
  lost.add('debian')
  await hoard.start()
  await clock.advance(HOARD_START_MS + DISK_LOSS_ERROR_MS + 60_000)
  assert.equal(all.brought, ['alpine@1'])
  assert.is(hoard.figures.images, 1)
  lost.clear()
  await round()
  assert.equal(all.brought, ['alpine@1', 'debian@1'])
  await hoard.stop()
  assert.is(clock.pending, 0)
})

test('what a round gives up is collected once, and later where something is being pulled', async () => {
  const one = site({ budgetBytes: 3 * MiB })
  one.add('debian', 'alpine', 'fedora')
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  assert.is(one.collected, 0)
  for (const name of ['debian', 'alpine', 'fedora']) one.versions.set(name, 2)
  one.inUse.add('another')
  await one.round()
  assert.is(one.removed.length, 3)
  assert.is(one.collected, 0)
  one.inUse.clear()
  await one.round()
  assert.is(one.collected, 1)
  await one.round()
  assert.is(one.collected, 1)
  await one.hoard.stop()
})

test('follows a profile that was made anew, and keeps what is here when it was dropped', async () => {
  const one = site({ budgetBytes: 2 * MiB })
  one.add('debian')
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  const { joins } = one
  await one.round()
  assert.is(one.joins, joins, 'asks no more than it has to')
  one.digest = null
  await one.clock.advance(HOARD_RECHECK_MS)
  assert.equal([one.brought.length, one.hoard.figures.images], [1, 1])
  one.digest = 'another'
  await one.clock.advance(HOARD_RECHECK_MS + HOARD_ROUND_MS)
  assert.equal(one.brought, ['debian@1', 'debian@1'])
  assert.equal(
    one.saved.map(({ digest }) => digest),
    ['another'],
  )
  assert.is(one.hoard.figures.bytes, MiB)
  await one.hoard.stop()
})

test('an image without a boot is asked about ever more rarely, and another version of it at once', async () => {
  const one = site({ budgetBytes: 2 * MiB })
  one.add('debian')
  one.digest = null
  await one.hoard.start()
  const asked: number[] = []
  for (let hours = 0; hours < 24; hours++) {
    const before = one.joins
    await one.clock.advance(HOARD_ABSENT_MS)
    if (one.joins > before) asked.push(hours)
  }
  assert.equal(asked, [0, 1, 3, 7, 13, 19], 'after 1, 2, 4 and then every 6 hours')
  one.versions.set('debian', 2)
  const { joins } = one
  await one.round()
  assert.is(one.joins, joins + 1)
  one.digest = 'digest'
  await one.clock.advance(HOARD_RECHECK_MS)
  assert.equal(one.brought, ['debian@2'])
  await one.hoard.stop()
})

test('a boot that found no room is not asked about before there is room, or for hours', async () => {
  const one = site({ budgetBytes: MiB })
  one.add('debian', 'alpine')
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  assert.equal(one.brought, ['debian@1'])
  const { joins } = one
  await one.round()
  assert.is(one.joins, joins)
  one.versions.delete('debian')
  one.here.delete('debian@1')
  await one.round()
  assert.equal(one.brought, ['debian@1', 'alpine@1'])
  await one.hoard.stop()
})

test('looks at everything now where it is told to, and says when it cannot', async () => {
  const one = site({ budgetBytes: 2 * MiB })
  one.add('debian')
  one.digest = null
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  one.digest = 'digest'
  const rounds = [one.hoard.now(), one.hoard.now()]
  assert.is(rounds[0], rounds[1], 'asked for twice it is one round')
  await one.clock.advance(60_000)
  await Promise.all(rounds)
  assert.equal(one.brought, ['debian@1'])
  one.away = true
  assert.is((await failureOf(one.hoard.now())).code, 'E_UNREACHABLE')
  assert.is(one.clock.pending, 1, 'the next round comes by itself')
  await one.hoard.stop()
  assert.is((await failureOf(one.hoard.now())).code, 'E_STATE')
  assert.is(one.clock.pending, 0)
})

test('what was removed here does not count, and is brought in again', async () => {
  const one = site({ budgetBytes: MiB })
  one.add('debian')
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  one.here.clear()
  one.away = true
  await one.round()
  assert.is(one.hoard.figures.bytes, 0)
  one.away = false
  await one.round()
  assert.equal(one.brought, ['debian@1', 'debian@1'])
  assert.is(one.hoard.figures.bytes, MiB)
  await one.hoard.stop()
})

test('an image that is attached while it is being looked at is one image, and stays', async () => {
  const one = site({ budgetBytes: MiB })
  one.add('debian')
  one.meanwhile = async () => one.hoard.attached(one.entryOf('debian'))
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  assert.is(one.saved.length, 1)
  assert.ok((one.saved[0]?.attachedAt ?? 0) > 0)
  await one.hoard.stop()
})

test('a tracker that is away is asked again in the next round', async () => {
  const one = site({ budgetBytes: 2 * MiB })
  one.add('debian')
  one.away = true
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 60_000)
  assert.is(one.here.size, 0)
  one.away = false
  await one.round()
  assert.is(one.here.size, 1)
  await one.hoard.stop()
})

test('a stop in the middle ends it', async () => {
  const one = site({ budgetBytes: 2 * MiB })
  one.add('debian')
  await one.hoard.start()
  await one.clock.advance(HOARD_START_MS + 50)
  await one.hoard.stop()
  assert.is(one.clock.pending, 0)
  assert.is(one.closed, 1)
  assert.equal(one.brought, [])
  assert.is(one.saved.filter(({ digest }) => digest !== undefined).length, 0)
})

test.run()
