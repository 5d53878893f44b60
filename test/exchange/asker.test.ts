import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../src/core/bitmap.ts'
import { ORIGIN_UNTOLD_RUNS_MAX } from '../../src/core/limits.ts'
import { ASK_RETRY_MS, Asker } from '../../src/exchange/asker.ts'
import { Superseed } from '../../src/exchange/superseed.ts'
import type { Swarm } from '../../src/exchange/swarm.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('asker')

function setUp(runs: number) {
  const clock = new FakeClock()
  const superseed = new Superseed({ runs, random: Math.random })
  const swarm = { map: { runs }, have: Bitmap.full(runs) } as unknown as Swarm
  const asker = () => new Asker({ clock }, { swarm, superseed })
  return { clock, superseed, swarm, asker }
}

test('a peer that never tells what it got is given only so many runs', async () => {
  const { clock, asker } = setUp(2 * ORIGIN_UNTOLD_RUNS_MAX)
  const silent = asker()
  const given: number[] = []
  for (let i = 0; i < 100; i++) given.push(...silent.ask({ count: 8, starving: true }))
  assert.is(given.length, ORIGIN_UNTOLD_RUNS_MAX)
  assert.is(asker().ask({ count: 8, starving: false }).length, 8, 'others are not kept out')
  silent.told(given.slice(0, 4))
  await clock.advance(ASK_RETRY_MS)
  assert.is(silent.ask({ count: 8, starving: false }).length, 4)
})

test('an ask right after an empty answer costs nothing', async () => {
  const { clock, superseed, asker } = setUp(8)
  asker().ask({ count: 8, starving: false })
  const late = asker()
  let assigns = 0
  const assign = superseed.assign.bind(superseed)
  superseed.assign = (request) => {
    assigns++
    return assign(request)
  }
  for (let i = 0; i < 100; i++) assert.equal(late.ask({ count: 8, starving: false }), [])
  assert.is(assigns, 1)
  await clock.advance(ASK_RETRY_MS)
  assert.is(late.ask({ count: 8, starving: true }).length, 8)
})

test('asks are answered at a bounded rate', async () => {
  const { clock, asker } = setUp(4096)
  const eager = asker()
  const round = () => {
    let given = 0
    for (let i = 0; i < 1000; i++) {
      const runs = eager.ask({ count: 1, starving: false })
      eager.told(runs)
      given += runs.length
    }
    return given
  }
  assert.is(round(), 256)
  await clock.advance(500)
  assert.is(round(), 128)
})

test('does not assign what the origin has lost', () => {
  const { swarm, asker } = setUp(8)
  swarm.have.clear(3)
  assert.is(asker().ask({ count: 8, starving: false }).includes(3), false)
})

test('what only a peer held that has left is given to others', () => {
  const { asker } = setUp(8)
  const [liar, honest] = [asker(), asker()]
  liar.told([0, 1, 2, 3, 4, 5, 6, 7])
  assert.equal(honest.ask({ count: 8, starving: false }), [])
  liar.leave()
  assert.is(asker().ask({ count: 8, starving: false }).length, 8)
})

test.run()
