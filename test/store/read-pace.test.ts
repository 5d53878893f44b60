import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReadPace } from '../../src/store/read-pace.ts'
import { SteppingClock } from '../fixtures/stepping-clock.ts'

const test = suite('pace of reads')

/** Reads of `ms` each; whether each was made. */
function reads(pace: ReadPace, clock: SteppingClock, { count, ms, bytes = 4096 }: Record<string, number>) {
  return Array.from({ length: count ?? 1 }, () => {
    const isMade = pace.begin()
    clock.ms += ms ?? 0
    if (isMade) pace.end(bytes ?? 0)
    return isMade
  })
}

test('goes on while reads are quick, and allows for long ones', () => {
  const clock = new SteppingClock()
  const pace = new ReadPace({ clock })
  assert.ok(reads(pace, clock, { count: 1000, ms: 0.05 }).every((isMade) => isMade))
  assert.ok(reads(pace, clock, { count: 1000, ms: 0.12, bytes: 262_144 }).every((isMade) => isMade))
})

test('forgives what is slow now and then', () => {
  const clock = new SteppingClock()
  const pace = new ReadPace({ clock })
  for (let i = 0; i < 100; i++) {
    assert.equal(reads(pace, clock, { ms: 1 }), [true])
    assert.ok(reads(pace, clock, { count: 8, ms: 0 }).every((isMade) => isMade))
  }
})

test('stops at a disk that turns, for twice as long each time, and goes on when it is quick again', () => {
  const clock = new SteppingClock()
  const pace = new ReadPace({ clock })
  let madeMs = 0
  for (const pauseMs of [800, 1600, 3200, 6400, 10_000, 10_000]) {
    assert.equal(reads(pace, clock, { ms: 8 }), [true])
    assert.equal(reads(pace, clock, { ms: 0 }), [false])
    clock.ms += pauseMs - 1
    assert.equal(reads(pace, clock, { ms: 1 }), [false])
    madeMs += 8
  }
  assert.ok(madeMs < clock.monotonic() / 500)
  assert.ok(reads(pace, clock, { count: 100, ms: 0.01 }).every((isMade) => isMade))
  assert.equal(reads(pace, clock, { count: 3, ms: 1 }), [true, true, true])
  clock.ms += 299
  assert.equal(reads(pace, clock, { ms: 0 }), [false])
  clock.ms += 1
  assert.equal(reads(pace, clock, { ms: 0 }), [true])
})

for (const ms of [5, 10, 100, 2000]) {
  test(`reads of ${ms} ms hold up the node for a hundredth of the time at most, whatever is quick between them`, () => {
    const clock = new SteppingClock()
    const pace = new ReadPace({ clock })
    let madeMs = 0
    for (let i = 0; i < 200; ) {
      const made = pace.begin()
      // left to another thread, which takes as long
      clock.ms += ms
      if (made) {
        pace.end(4096)
        madeMs += ms
        i += 1
      }
      reads(pace, clock, { count: 16, ms: 0.05 })
    }
    assert.ok(madeMs <= clock.monotonic() / 100)
  })
}

test('a process that was stopped for an hour in the middle of a read reads itself again', () => {
  const clock = new SteppingClock()
  const pace = new ReadPace({ clock })
  reads(pace, clock, { ms: 3_600_000 })
  clock.ms += 600_000
  assert.equal(reads(pace, clock, { ms: 0 }), [true])
})

test('stops at a disk without moving parts as well', () => {
  const clock = new SteppingClock()
  const pace = new ReadPace({ clock })
  assert.equal(reads(pace, clock, { count: 5, ms: 0.1 }), [true, true, true, false, false])
})

test.run()
