import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FillRoom, fillReserveBytes } from '../../../node/disk/fill-room.ts'
import { FILL_LOOK_MS, FILL_RESERVE_BYTES } from '../../../src/core/disk-limits.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { recordingLog } from '../../fixtures/recording-log.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('room for filling')

test('keeps a share of the file system for reads, within bounds', () => {
  assert.is(fillReserveBytes(20_000_000), 4_000_000)
  assert.is(fillReserveBytes(20_000_000_000), FILL_RESERVE_BYTES)
  assert.is(fillReserveBytes(100_000_000_000), 5_000_000_000)
  assert.is(fillReserveBytes(100_000_000_000_000), 50_000_000_000)
})

test('ends where nine tenths of the store are taken, says so once, and goes on when there is room again', () =>
  withScratch(async (dir) => {
    const clock = new FakeClock()
    const { log, lines } = recordingLog()
    let storedBytes = 899
    const blocks = { stat: async () => ({ blocks: 1, storedBytes }) }
    const room = new FillRoom({ blocks, clock, log }, { dir, storedBytesMax: 1000 })
    let told = 0
    const unwatch = room.watch(() => void told++)
    const look = async () => {
      await room.look()
      return room.reason !== undefined
    }
    assert.is(room.isOpen, false, 'not before it was looked at')
    assert.is(await look(), false)
    assert.is(room.isOpen, true)
    storedBytes = 901
    assert.is(await look(), true)
    assert.match(room.reason ?? '', /store\.maxBytes/)
    storedBytes = 895
    assert.is(await look(), true, 'a little more room is needed than it takes to stop')
    storedBytes = 880
    assert.is(await look(), false)
    assert.is(told, 3)
    assert.is(lines.length, 2)
    unwatch()
    await clock.advance(10 * FILL_LOOK_MS)
    assert.is(clock.pending, 0, 'nobody looks any more')
  }))

test('what a look found while nobody watched is no leave to fill', () =>
  withScratch(async (dir) => {
    const { log } = recordingLog()
    const blocks = { stat: async () => ({ blocks: 1, storedBytes: 1 }) }
    const room = new FillRoom({ blocks, clock: new FakeClock(), log }, { dir, storedBytesMax: 1000 })
    await room.look()
    assert.equal([room.isOpen, room.reason], [false, undefined])
    const told = Promise.withResolvers<void>()
    const unwatch = room.watch(told.resolve)
    assert.is(room.isOpen, false, 'not before its own look')
    await told.promise
    assert.is(room.isOpen, true)
    unwatch()
  }))

test('what cannot be found out is one line in the log until it is something else', () =>
  withScratch(async (dir) => {
    const { log, lines } = recordingLog()
    let trouble: string | undefined = 'no answer'
    const stat = async () => {
      if (trouble !== undefined) throw new Error(trouble)
      return { blocks: 1, storedBytes: 1 }
    }
    const room = new FillRoom(
      { blocks: { stat }, clock: new FakeClock(), log },
      { dir, storedBytesMax: 1000 },
    )
    for (const next of ['no answer', 'no answer', 'another', undefined, 'another']) {
      trouble = next
      await room.look()
    }
    assert.is(lines.filter(({ level }) => level === 'error').length, 3)
  }))

test.run()
