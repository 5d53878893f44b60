import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../src/core/bitmap.ts'
import { STARVING_AFTER_MS, STARVING_FOR_MS } from '../../src/core/limits.ts'
import { OriginAsks } from '../../src/exchange/origin-asks.ts'
import { Picker } from '../../src/exchange/picker.ts'
import type { SessionPeer } from '../../src/exchange/session-peer.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('origin asks')
const RUNS = 32

/** An origin that answers each ask with the next of `answers`, then with nothing. */
function setUp(answers: number[][] = []) {
  const clock = new FakeClock()
  const picker = new Picker({ runs: RUNS, random: Math.random })
  const starving: boolean[] = []
  const peer = {
    ...{ id: 1, assigned: [] as number[], asking: false },
    connection: {
      async ask(ask: { starving: boolean }) {
        starving.push(ask.starving)
        return { runs: answers.shift() ?? [], retryMs: 200 }
      },
    },
  } as unknown as SessionPeer
  const under = { way: false, sinceMs: 0 }
  const asks = new OriginAsks({
    ...{ clock, picker },
    idleMs: () => (under.way ? undefined : clock.monotonic() - under.sinceMs),
    pump() {},
    failed: (_, error) => assert.unreachable(String(error)),
  })
  /** Whether the next ask says that we starve. */
  const ask = async () => {
    asks.next(peer)
    await clock.advance(200)
    return starving.at(-1)
  }
  return { clock, picker, peer, asks, ask, under }
}

test('keeps runs that were assigned before their segment was planned', async () => {
  const { picker, peer, asks, ask } = setUp([[1, 20, 21]])
  picker.setMissing(0)
  picker.setMissing(1)
  await ask()
  assert.is(asks.next(peer), 1)
  picker.started(1, 'origin', 0)
  assert.is(asks.next(peer), undefined)
  assert.equal(peer.assigned, [20, 21])
  picker.setHeld(20)
  picker.setMissing(21)
  assert.is(asks.next(peer), 21)
  assert.equal(peer.assigned, [])
})

test('does not starve while it plans, nor while a neighbour has what is missing', async () => {
  const { clock, picker, asks, ask } = setUp()
  picker.setMissing(3)
  await clock.advance(STARVING_AFTER_MS)
  assert.is(await ask(), false, 'still planning')
  asks.planned()
  assert.is(await ask(), true)
  picker.addPeer('neighbour', new Bitmap(RUNS))
  picker.peerHas('neighbour', 3)
  assert.is(await ask(), false)
  picker.removePeer('neighbour')
  assert.is(await ask(), true)
})

test('one that starved need not wait again for some seconds', async () => {
  const { clock, picker, asks, ask, under } = setUp()
  picker.setMissing(3)
  asks.planned()
  assert.is(await ask(), false, 'not long enough')
  await clock.advance(STARVING_AFTER_MS)
  assert.is(await ask(), true)
  under.way = true
  assert.is(await ask(), true)
  await clock.advance(STARVING_FOR_MS)
  assert.is(await ask(), false)
})

test.run()
