import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootRecorder, type Recorded } from '../../../../node/disk/profile/boot-recorder.ts'
import { checkReads } from '../../../../src/core/boot-profile.ts'
import { BOOT_READS_MAX, BOOT_RECORDING_MS } from '../../../../src/core/disk-limits.ts'
import { FakeClock } from '../../../fixtures/fake-clock.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

const test = suite('recording of boots')

const MiB = 1024 * 1024
const SIZE = 64 * MiB + 1000

function recorderOf(size = SIZE) {
  const clock = new FakeClock()
  const ends: (Recorded | undefined)[] = []
  const recorder = new BootRecorder({ clock }, { size, ended: (recorded) => void ends.push(recorded) })
  return {
    clock,
    ends,
    recorder,
    read: (offset: number, length: number) => recorder.read({ offset, length }),
  }
}

test('records first reads in whole pages, with their time, joined where they follow each other', async () => {
  const { clock, recorder, read } = recorderOf()
  read(5000, 100)
  await clock.advance(7)
  read(8192, 4096)
  read(MiB, 1)
  read(4096, 8192)
  await clock.advance(3)
  read(0, 16_384)
  read(SIZE - 500, 500)
  assert.equal(recorder.recorded, {
    reads: [
      [4096, 8192, 0],
      [MiB, 4096, 7],
      [0, 4096, 10],
      [12_288, 4096, 10],
      [64 * MiB, 1000, 10],
    ],
    durationMs: 10,
  })
})

test('ends two minutes after the first read, once', async () => {
  const { clock, recorder, ends, read } = recorderOf()
  await clock.advance(60_000)
  read(0, 2 * MiB)
  await clock.advance(BOOT_RECORDING_MS - 1)
  read(8 * MiB, 4096)
  assert.is(ends.length, 0)
  await clock.advance(1)
  read(16 * MiB, 4096)
  assert.is(ends.length, 1)
  assert.ok(recorder.ended)
  assert.equal(ends[0], {
    reads: [
      [0, 2 * MiB, 0],
      [8 * MiB, 4096, BOOT_RECORDING_MS - 1],
    ],
    durationMs: BOOT_RECORDING_MS,
  })
  assert.equal(recorder.recorded, ends[0])
})

test('who has only looked at the disk has not booted', async () => {
  const { clock, ends, read } = recorderOf()
  read(0, 4096)
  await clock.advance(BOOT_RECORDING_MS + 1000)
  assert.equal(ends, [])
  read(0, MiB)
  await clock.advance(BOOT_RECORDING_MS)
  assert.equal(ends, [{ reads: [[0, MiB, 0]], durationMs: BOOT_RECORDING_MS }])
})

test('who copies the disk has not booted', async () => {
  const { clock, recorder, ends, read } = recorderOf()
  for (let at = 0; at < 40 * MiB; at += MiB) read(at, MiB)
  assert.equal(ends, [undefined])
  assert.is(recorder.recorded, undefined)
  await clock.advance(BOOT_RECORDING_MS)
  assert.is(ends.length, 1)
})

test('keeps no more reads than a recording may have', () => {
  const { recorder, ends, read } = recorderOf(2 ** 40)
  for (let i = 0; i < BOOT_READS_MAX + 10; i++) read(i * 8192, 4096)
  assert.is(ends[0]?.reads.length, BOOT_READS_MAX)
  assert.ok(recorder.ended)
})

test('what was recorded stays what it was while more is read', async () => {
  const { clock, recorder, read } = recorderOf()
  read(0, 4096)
  const recorded = recorder.recorded
  await clock.advance(20)
  read(4096, 4096)
  read(MiB, 4096)
  assert.equal(recorded, { reads: [[0, 4096, 0]], durationMs: 0 })
})

test('what it records is a recording, whatever is read', async () => {
  const random = seededRandom(5)
  const { clock, recorder, read } = recorderOf()
  for (let i = 0; i < 600; i++) {
    const offset = Math.floor(random() * SIZE)
    read(offset, Math.min(SIZE - offset, Math.floor(random() ** 6 * 300_000)))
    await clock.advance(random() < 0.1 ? 3 : 0)
  }
  checkReads(recorder.recorded?.reads ?? [], { size: SIZE })
})

test.run()
