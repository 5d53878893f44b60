import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Allowance } from '../../../../node/disk/nbd/allowance.ts'
import { Budget } from '../../../../node/disk/nbd/budget.ts'
import {
  NBD_CONNECTION_OWN_BYTES,
  NBD_SERVER_STALLED_BYTES,
  NBD_SILENT_MS,
} from '../../../../src/core/disk-limits.ts'
import { FakeClock } from '../../../fixtures/fake-clock.ts'

const test = suite('the NBD budget')
const OWN = NBD_CONNECTION_OWN_BYTES
const MiB = 1024 * 1024

/** Connections that ask again for what they want when there may be room; the test says since when each is silent. */
function connections(budget: Budget, ...wanted: readonly number[]) {
  const begun: number[] = []
  const gone: number[] = []
  const silent: (number | undefined)[] = []
  const unanswered: (number | undefined)[] = []
  const all = wanted.map((bytes, i) => {
    const allowance = new Allowance(
      { budget },
      {
        onRoom: () => ask(i, bytes),
        silentSinceMs: () => silent[i],
        unansweredSinceMs: () => unanswered[i],
        onGiveWay: () => void gone.push(i),
      },
    )
    return allowance
  })
  const ask = (i: number, bytes = wanted[i] ?? 0) => {
    if (all[i]?.admit(bytes)) begun.push(i)
  }
  const askAll = () => {
    for (const i of all.keys()) ask(i)
  }
  return { all, begun, gone, silent, unanswered, ask, askAll }
}

function budgetOf(bytesMax: number, spareBytes = 0) {
  const clock = new FakeClock()
  return { clock, budget: new Budget({ clock }, { bytesMax, spareBytes }) }
}

test('who comes first is served first', () => {
  const { budget } = budgetOf(100)
  const { all, begun, askAll } = connections(budget, OWN + 90, OWN + 50, OWN + 5)
  askAll()
  assert.equal(begun, [0])
  assert.is(budget.waiting, 2)
  all[0]?.release(1, OWN + 90)
  assert.equal(begun, [0, 1, 2])
  assert.is(budget.bytes, 55)
})

test('who leaves while waiting holds up nobody', () => {
  const { budget } = budgetOf(100)
  const { all, begun, askAll } = connections(budget, OWN + 90, OWN + 50, OWN + 5)
  askAll()
  all[1]?.leave()
  assert.equal(begun, [0, 2])
  assert.is(budget.waiting, 0)
  all[1]?.leave()
  assert.is(budget.bytes, 95)
})

test('who steps back lets others go first, and may ask again', () => {
  const { budget } = budgetOf(100)
  const { all, begun, askAll, ask } = connections(budget, OWN + 60, OWN + 50, OWN + 40)
  askAll()
  assert.equal(begun, [0])
  all[1]?.stepBack()
  assert.equal(begun, [0, 2])
  assert.is(budget.waiting, 0)
  ask(1)
  assert.is(budget.waiting, 1)
  all[0]?.release(1, OWN + 60)
  assert.equal(begun, [0, 2, 1])
})

test('who ends gives everything back once, and is called no more', () => {
  const { budget } = budgetOf(100)
  const { all, begun, askAll } = connections(budget, OWN + 90, OWN + 50, OWN + 60)
  askAll()
  all[1]?.end()
  all[0]?.end()
  assert.equal(begun, [0, 2])
  assert.is(budget.bytes, 60)
  all[2]?.end()
  all[2]?.release(1, OWN + 60)
  assert.is(budget.bytes, 0)
})

test('while others wait nobody gets more than half, but who has nothing may have it all', () => {
  const { budget } = budgetOf(100)
  const { all, begun, ask } = connections(budget, OWN + 40, OWN + 50, OWN + 30, OWN + 95)
  for (const i of [0, 1, 2, 0]) ask(i, i === 0 && begun.includes(0) ? 20 : undefined)
  assert.equal(begun, [0, 1], 'the third waits, and the first has had its part')
  all[1]?.release(1, OWN + 50)
  assert.equal(begun, [0, 1, 2])
  ask(3)
  all[2]?.end()
  assert.equal(begun, [0, 1, 2])
  all[0]?.end()
  assert.equal(begun, [0, 1, 2, 3])
  assert.is(budget.bytes, 95)
})

test('reads of those who hold nothing find room that is kept for them', () => {
  const { budget } = budgetOf(2 * MiB + 100, MiB)
  const { all, begun, ask } = connections(budget, OWN + MiB + 100, OWN + 50, OWN + 60)
  ask(0)
  ask(0, 1)
  assert.equal(begun, [0], 'the room that is kept is not for who holds some')
  ask(1)
  ask(2)
  ask(1, 1)
  assert.equal(begun, [0, 1, 2])
  all[1]?.end()
  all[2]?.end()
  assert.is(budget.bytes, MiB + 100)
  all[0]?.end()
  assert.is(budget.bytes, 0)
})

test('who takes nothing gives way to who waits, the longest silent first', async () => {
  const { budget, clock } = budgetOf(100)
  const { begun, gone, silent, askAll } = connections(budget, OWN + 40, OWN + 60, OWN + 50)
  await clock.advance(1000)
  silent[0] = 900
  silent[1] = 800
  askAll()
  assert.equal([begun, gone], [[0, 1], []])
  await clock.advance(800 + NBD_SILENT_MS - 1000 - 1)
  assert.equal(gone, [])
  await clock.advance(1)
  assert.equal([begun, gone], [[0, 1, 2], [1]], 'and not one more than it takes')
  await clock.advance(10 * NBD_SILENT_MS)
  assert.equal(gone, [1], 'nobody waits')
  assert.is(clock.pending, 0)
})

test('a thousand who are silent get nothing and hold up nobody', async () => {
  const { budget, clock } = budgetOf(100)
  const crowd = Array.from({ length: 2000 }, () => OWN + 10)
  const { begun, gone, silent, ask } = connections(budget, ...crowd, OWN + 50)
  for (const i of crowd.keys()) {
    ask(i)
    silent[i] = 0
  }
  assert.is(begun.length, 10)
  ask(2000)
  await clock.advance(NBD_SILENT_MS)
  assert.is(begun.at(-1), 2000)
  assert.equal([budget.waiting, gone.length], [0, 5])
  ask(20)
  assert.is(budget.waiting, 0, 'who is silent does not wait either')
})

test('who waits for answers gets no more than half', async () => {
  const { budget, clock } = budgetOf(100)
  const { all, begun, unanswered, ask } = connections(budget, OWN + 40)
  ask(0)
  unanswered[0] = 0
  await clock.advance(NBD_SILENT_MS)
  ask(0, 11)
  assert.equal(begun, [0])
  ask(0, 10)
  assert.equal(begun, [0, 0])
  unanswered[0] = undefined
  ask(0, 50)
  assert.equal(begun, [0, 0, 0])
  all[0]?.end()
})

test('disks whose answers never come do not hold up one that is here', async () => {
  const { budget, clock } = budgetOf(44 * MiB, 4 * MiB)
  const lost = [20, 20, 1.75, 1.75].map((mebibytes) => OWN + mebibytes * MiB)
  const { all, begun, unanswered, askAll, ask } = connections(budget, ...lost, OWN + 8 * MiB, 2 * MiB)
  askAll()
  for (const i of lost.keys()) unanswered[i] = 0
  for (const i of lost.keys()) ask(i, 2 * MiB)
  assert.equal(begun, [0, 1, 2, 3], 'nothing is left')
  await clock.advance(NBD_SILENT_MS)
  assert.equal(begun, [0, 1, 2, 3, 5], 'what is kept is there again, also behind one that is too long for it')
  for (let i = 0; i < 100; i++) {
    all[5]?.release(1, 2 * MiB)
    ask(5)
  }
  assert.is(begun.length, 105)
  for (const i of all.keys()) all[i]?.end()
  assert.is(budget.bytes, 0)
})

test('what disks without answers have of the room that is kept is bounded', async () => {
  const { budget, clock } = budgetOf(44 * MiB, 4 * MiB)
  const crowd = Array.from({ length: 100 }, () => OWN + 2 * MiB)
  const { all, unanswered, ask } = connections(budget, OWN + 20 * MiB, OWN + 20 * MiB, ...crowd)
  for (let round = 0; round < 20; round++) {
    for (const i of all.keys()) {
      if (all[i]?.bytes === 0) ask(i)
      if (all[i]?.bytes !== 0) unanswered[i] ??= clock.monotonic()
    }
    await clock.advance(NBD_SILENT_MS)
  }
  assert.is(budget.bytes, 44 * MiB + NBD_SERVER_STALLED_BYTES)
  for (const one of all) one.end()
  assert.is(budget.bytes, 0)
})

test.run()
