import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FetchPeer } from '../../../src/exchange/policy/fetch-peer.ts'
import { unitsOf } from '../../../src/exchange/policy/units.ts'
import type { Want } from '../../../src/exchange/policy/want.ts'
import { WantList } from '../../../src/exchange/policy/want-list.ts'
import { seededRandom } from '../../../testnet/images/random.ts'

const test = suite('want list')

function setUp() {
  const random = seededRandom(5)
  const init = { key: 'peer', origin: false, nearness: 0, flightBytesMax: 1 << 20 } as const
  const peer = new FetchPeer({ ...init, units: unitsOf(0) })
  const wants = new WantList((want) => want.dueMs)
  const want = (sentMs: number): Want => ({
    ...{ peer, run: 0, parts: 1, copy: false, sentMs, dueMs: random() * 1000 },
    ...{ bytes: 10, answered: false, class: 'requested' },
  })
  return { random, peer, wants, want }
}

test('the first that is late is found whatever was answered and taken away, in order', () => {
  const { random, peer, wants, want } = setUp()
  const kept: Want[] = []
  for (let step = 0; step < 2000; step++) {
    const one = kept[Math.floor(random() * kept.length)]
    const draw = random()
    if (one === undefined || draw < 0.4) {
      const made = want(step)
      kept.push(made)
      wants.add(made)
    } else if (draw < 0.7 && !one.answered) wants.answered(one, step)
    else if (draw > 0.75) {
      wants.delete(one)
      kept.splice(kept.indexOf(one), 1)
    }
    const flying = kept.filter(({ answered }) => !answered)
    assert.is(wants.firstLateMs, Math.min(...flying.map(({ dueMs }) => dueMs)))
    assert.is(wants.oldest, flying[0])
    assert.is(wants.bytes, kept.length * 10)
    assert.is(peer.flightBytes, flying.length * 10)
  }
  assert.ok(kept.length > 64, 'there was room for more than at first')
})

test.run()
