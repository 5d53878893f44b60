import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { KnownProfile } from '../../../../node/disk/profile/boot-profiles.ts'
import type { Recorded } from '../../../../node/disk/profile/boot-recorder.ts'
import { DiskBoots } from '../../../../node/disk/profile/disk-boots.ts'
import type { BootRead } from '../../../../src/core/boot-profile.ts'
import {
  BOOT_OFFER_RETRY_MS,
  BOOT_OFFER_SPREAD_MS,
  BOOT_RECORDING_MS,
  BOOT_RECORDINGS_ENOUGH,
  DISK_FIRST_BYTES,
} from '../../../../src/core/disk-limits.ts'
import { StateError, UnreachableError } from '../../../../src/core/errors.ts'
import { silentLog } from '../../../../src/core/log.ts'
import { bootableDisk } from '../../../fixtures/bootable-disk.ts'
import { FakeClock } from '../../../fixtures/fake-clock.ts'

const test = suite('boots over disks')

const MiB = 1024 * 1024
const NOW = { isNew: true, digest: undefined }

function site(init: { reads?: readonly BootRead[]; recordings?: number } = {}) {
  const clock = new FakeClock()
  const sent: Recorded[] = []
  const state = { away: 0, hasSent: false }
  const known = async () => {
    if (init.reads === undefined) return undefined
    const statement = { recordings: init.recordings ?? 1 }
    return { statement, reads: init.reads } as unknown as KnownProfile
  }
  const profiles = {
    of: known,
    find: known,
    hasSent: async () => state.hasSent,
    send: async (_image: unknown, recorded: Recorded) => {
      if (state.away-- > 0) throw new UnreachableError('the tracker is away')
      sent.push(recorded)
      state.hasSent = true
    },
  }
  const boots = new DiskBoots({ profiles, clock, random: () => 0.5, log: silentLog })
  return { clock, sent, state, boots }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('offers what a boot has read, without holes, when its time is over', async () => {
  const { boots, clock, sent } = site()
  const { disk, read, observed } = bootableDisk()
  boots.opened(disk, NOW)
  read(0, MiB)
  read(31 * MiB, 2 * MiB)
  read(40 * MiB, 4096)
  await clock.advance(BOOT_RECORDING_MS)
  assert.is(observed(), false)
  assert.is(sent.length, 0)
  await clock.advance(BOOT_OFFER_SPREAD_MS)
  assert.equal(sent, [
    {
      reads: [
        [0, MiB, 0],
        [31 * MiB, MiB, 0],
      ],
      durationMs: BOOT_RECORDING_MS,
    },
  ])
})

test('offers it again while the tracker is away', async () => {
  const { boots, clock, sent, state } = site()
  const { disk, read } = bootableDisk()
  boots.opened(disk, NOW)
  read(0, MiB)
  state.away = 3
  await clock.advance(BOOT_RECORDING_MS + BOOT_OFFER_SPREAD_MS)
  assert.is(sent.length, 0)
  await clock.advance(BOOT_OFFER_RETRY_MS * (2 + 4 + 8))
  assert.is(sent.length, 1)
})

test('offers nothing that the tracker has enough of, that was sent before, or of machines that run already', async () => {
  const enough = site({ reads: [[0, 4096, 0]], recordings: BOOT_RECORDINGS_ENOUGH })
  const before = site()
  before.state.hasSent = true
  const old = site()
  for (const { boots, clock, sent } of [enough, before, old]) {
    const { disk, read } = bootableDisk()
    boots.opened(disk, { ...NOW, isNew: boots !== old.boots })
    read(0, MiB)
    await clock.advance(BOOT_RECORDING_MS + 2 * BOOT_OFFER_SPREAD_MS)
    assert.is(sent.length, 0)
  }
})

test('offers it again where the tracker had no profile any more', async () => {
  const { boots, clock, sent, state } = site()
  state.hasSent = true
  const { disk, read } = bootableDisk()
  boots.opened(disk, { isNew: true, digest: null })
  read(0, MiB)
  await clock.advance(BOOT_RECORDING_MS + BOOT_OFFER_SPREAD_MS)
  assert.is(sent.length, 1)
})

test('sends what was read so far when that is asked for', async () => {
  const { boots, sent, clock } = site()
  const { disk, read, close } = bootableDisk()
  boots.opened(disk, NOW)
  const refused = await boots.send(disk).catch((error: unknown) => error)
  assert.instance(refused, StateError)
  assert.match((refused as StateError).message, 'no machine has booted from this disk')
  read(4096, 4096)
  await clock.advance(5)
  assert.equal(await boots.send(disk), { reads: [[4096, 4096, 0]], durationMs: 5 })
  assert.is(sent.length, 1)
  close()
  assert.is(clock.pending, 0)
})

test('says of a disk that came back, and of one that was copied, that this is why nothing was recorded', async () => {
  const { boots } = site()
  const back = bootableDisk()
  const copied = bootableDisk()
  boots.opened(back.disk, { ...NOW, isNew: false })
  boots.opened(copied.disk, NOW)
  for (const { read } of [back, copied]) read(0, back.disk.size)
  for (const [{ disk }, why] of [
    [back, 'this disk came back when the node was started'],
    [copied, 'more of this disk was read than a boot reads'],
  ] as const) {
    const refused = await boots.send(disk).catch((error: unknown) => error)
    assert.match((refused as StateError).message, why)
  }
})

test('brings in the start of a disk that is attached, and not of one that came back', async () => {
  const { boots } = site()
  const { disk, brought } = bootableDisk()
  boots.opened(disk, { ...NOW, isNew: false })
  await settled()
  assert.equal(brought, [])
  boots.opened(disk, NOW)
  await settled()
  assert.equal(brought, [{ offset: 0, length: DISK_FIRST_BYTES }])
})

test('brings in what a boot will read, and counts what was read of it', async () => {
  const { boots } = site({
    reads: [
      [8 * MiB, MiB, 0],
      [0, 8192, 3],
    ],
  })
  const { disk, brought, boot, read } = bootableDisk()
  boots.opened(disk, NOW)
  await settled()
  assert.equal(brought[1], { offset: 8 * MiB, length: 256 * 1024 })
  assert.equal(brought.at(-1), { offset: 0, length: 8192 })
  assert.is(boot.fetchedBytes, MiB + 8192)
  read(8 * MiB, 4096)
  read(8 * MiB, 8192)
  read(4096, 8192)
  read(20 * MiB, 4096)
  assert.equal(boot, {
    ...{ profileBytes: MiB + 8192, usedBytes: 8192 + 4096, fetchedBytes: MiB + 8192 },
    ...{ reads: 4, hits: 2 },
  })
})

test('brings in nothing of an image that is here', async () => {
  const { boots } = site({ reads: [[0, 8192, 0]] })
  const { disk, brought } = bootableDisk({ complete: true })
  boots.opened(disk, NOW)
  await settled()
  assert.is(brought.length, 0)
})

test('what waits to be sent ends with the node', async () => {
  const { boots, clock, sent } = site()
  const { disk, read } = bootableDisk()
  boots.opened(disk, NOW)
  read(0, MiB)
  await clock.advance(BOOT_RECORDING_MS)
  await boots.stop()
  assert.is(clock.pending, 0)
  await clock.advance(BOOT_OFFER_SPREAD_MS)
  assert.is(sent.length, 0)
})

test.run()
