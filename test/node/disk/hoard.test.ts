import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../../node/disk/disk.ts'
import { Hoard, type HoardCandidate } from '../../../node/disk/hoard.ts'
import type { Hoarded } from '../../../node/disk/hoard-files.ts'
import type { KnownProfile } from '../../../node/disk/profile/boot-profiles.ts'
import type { CatalogEntry } from '../../../node/image-catalog.ts'
import type { JoinAnswer } from '../../../node/joiner.ts'
import { HOARD_ROUND_MS, HOARD_START_MS } from '../../../src/core/disk-limits.ts'
import { StateError, UnreachableError } from '../../../src/core/errors.ts'
import { silentLog } from '../../../src/core/log.ts'
import { formatReference } from '../../../src/core/reference.ts'
import { catalogEntry } from '../../fixtures/attachable-disks.ts'
import { bootableDisk } from '../../fixtures/bootable-disk.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('the hoard')

const MiB = 1024 * 1024

/** Images of a tracker, each with a boot of 1 MiB. */
function site(init: { budgetBytes: number; kept?: Hoarded[] }) {
  const clock = new FakeClock()
  const here = new Map<string, CatalogEntry>()
  const state = {
    ...{ clock, here, versions: new Map<string, number>(), inUse: new Set<string>() },
    ...{ saved: init.kept ?? [], away: false, brought: [] as string[], removed: [] as string[], closed: 0 },
  }
  const textOf = ({ name, version }: CatalogEntry) => `${name}@${version}`
  const entryOf = (name: string): CatalogEntry => {
    const version = state.versions.get(name) ?? 1
    const entry = { ...catalogEntry({ name, version }), complete: false, onDemand: true }
    return here.get(textOf(entry)) ?? entry
  }
  const hoard = new Hoard(
    {
      files: {
        load: async () => state.saved,
        save: async (hoarded) => {
          state.saved = structuredClone([...hoarded])
        },
      },
      candidates: async (): Promise<HoardCandidate[]> => {
        if (state.away) throw new UnreachableError('the tracker is away')
        return [...state.versions.keys()].map((name) => {
          const { manifest } = entryOf(name)
          return { reference: `site/${name}:latest`, manifest }
        })
      },
      images: {
        join: async ({ name }) => {
          const entry = entryOf(name)
          return { entry, away: false, joined: { profile: 'digest' } } as unknown as JoinAnswer
        },
      },
      profiles: {
        of: async () =>
          ({ statement: { bytes: MiB, digest: 'digest' }, reads: [[0, MiB, 0]] }) as unknown as KnownProfile,
      },
      catalog: {
        find: (reference) => here.get(formatReference(reference).replace('site/', '')),
      },
      open: async ({ entry }): Promise<Disk> => {
        here.set(textOf(entry), entry)
        const { disk, brought } = bootableDisk()
        const close = async () => {
          state.closed++
          if (brought.reduce((sum, { length }) => sum + length, 0) === MiB) state.brought.push(textOf(entry))
        }
        return Object.assign(disk, { close })
      },
      remove: async (image) => {
        if (state.inUse.has(textOf(image))) throw new StateError('it is attached')
        state.removed.push(textOf(image))
        here.delete(textOf(image))
      },
      ...{ clock, random: () => 0.5, log: silentLog },
    },
    { budgetBytes: init.budgetBytes },
  )
  const add = (...names: string[]) => {
    for (const name of names) state.versions.set(name, 1)
  }
  return Object.assign(state, { hoard, add, entryOf, round: () => clock.advance(HOARD_ROUND_MS + 60_000) })
}

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
