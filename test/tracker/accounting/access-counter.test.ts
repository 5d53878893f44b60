import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../../src/core/log.ts'
import { ACCESS_FLUSH_MS } from '../../../src/core/registry-limits.ts'
import { AccessCounter, type Accesses } from '../../../tracker/accounting/access-counter.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('access counter')

function counting() {
  const clock = new FakeClock()
  const writes: (readonly Accesses[])[] = []
  const state = { fails: false }
  const add = async (accesses: readonly Accesses[]) => {
    if (state.fails) throw new RangeError('no disk')
    writes.push(accesses)
  }
  return {
    counter: new AccessCounter({ accesses: { add }, clock, log: silentLog }),
    clock,
    writes,
    state,
  }
}

test('500 accesses are one write', async () => {
  const { counter, clock, writes } = counting()
  for (let i = 0; i < 500; i++) counter.count({ id: i % 2 })
  assert.is(writes.length, 0)
  await clock.advance(ACCESS_FLUSH_MS)
  const lastMs = clock.now() - ACCESS_FLUSH_MS
  assert.equal(writes, [[0, 1].map((image) => ({ image, count: 250, lastMs }))])
  await clock.advance(10 * ACCESS_FLUSH_MS)
  assert.is(writes.length, 1)
  assert.is(clock.pending, 0)
})

test('the rest is written at the end', async () => {
  const { counter, clock, writes } = counting()
  counter.count({ id: 7 })
  await counter.stop()
  assert.is(writes[0]?.[0]?.count, 1)
  assert.is(clock.pending, 0)
})

test('what cannot be written is written later', async () => {
  const { counter, clock, writes, state } = counting()
  state.fails = true
  counter.count({ id: 7 })
  await clock.advance(ACCESS_FLUSH_MS)
  counter.count({ id: 7 })
  state.fails = false
  await clock.advance(ACCESS_FLUSH_MS)
  assert.is(writes[0]?.[0]?.count, 2)
  state.fails = true
  counter.count({ id: 7 })
  await counter.stop()
  assert.is(clock.pending, 0, 'a tracker that has stopped tries no more')
})

test.run()
