import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../src/core/log.ts'
import { DEFAULT_HOST_LIMITS } from '../../src/p2p/host-limits.ts'
import { TableKeeper } from '../../src/p2p/table-keeper.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('table keeper')
const PEER = peerIdFromString('12D3KooWMarpsTSg2x5RRcCWyCktySe6Nq3RJ1LPMDkuiZmRFpUa')
const { deadCheckDelayMs, deadCheckPauseMs } = DEFAULT_HOST_LIMITS

function keeperOf(answers: () => boolean) {
  const clock = new FakeClock()
  const removed: PeerId[] = []
  let dials = 0
  const keeper = new TableKeeper(
    {
      ...{ clock, log: silentLog },
      table: { remove: async (peer) => void removed.push(peer) },
      dial: async () => {
        dials++
        if (!answers()) throw new Error('connection refused')
      },
    },
    { limits: DEFAULT_HOST_LIMITS },
  )
  return { keeper, clock, removed, dials: () => dials }
}

test('who does not answer leaves the table', async () => {
  const { keeper, clock, removed } = keeperOf(() => false)
  keeper.left(PEER)
  await clock.advance(deadCheckDelayMs)
  assert.equal(removed, [PEER])
})

test('who answers stays, and is not dialled each time that it goes', async () => {
  const { keeper, clock, removed, dials } = keeperOf(() => true)
  for (let i = 0; i < 10; i++) {
    keeper.left(PEER)
    await clock.advance(deadCheckDelayMs)
  }
  assert.is(dials(), 1)
  await clock.advance(deadCheckPauseMs)
  keeper.left(PEER)
  await clock.advance(deadCheckDelayMs)
  assert.is(dials(), 2)
  assert.equal(removed, [])
})

test('a host that stops keeps what it knows of others', async () => {
  const { keeper, clock, removed, dials } = keeperOf(() => false)
  keeper.left(PEER)
  keeper.stop()
  keeper.left(PEER)
  await clock.advance(deadCheckDelayMs)
  assert.is(dials(), 0)
  assert.equal(removed, [])
})

test.run()
