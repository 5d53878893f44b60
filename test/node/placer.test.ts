import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Placer } from '../../node/placer.ts'
import type { PullResult } from '../../src/api/node-schemas.ts'
import type { OrdersAnswer, OrdersBody } from '../../src/api/placement-schemas.ts'
import { UnreachableError } from '../../src/core/errors.ts'
import { silentLog } from '../../src/core/log.ts'
import { PLACES_BUSY_MS, PLACES_IDLE_MS } from '../../src/core/registry-limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

type Question = { body: OrdersBody; answer: PromiseWithResolvers<OrdersAnswer> }

/** A placer whose tracker and whose pulls are the test. */
function setUp() {
  const clock = new FakeClock()
  const enrolled = Promise.withResolvers<void>()
  const questions: Question[] = []
  const pulls: PromiseWithResolvers<PullResult>[] = []
  const placer = new Placer(
    {
      orders: (body) => {
        const answer = Promise.withResolvers<OrdersAnswer>()
        questions.push({ body, answer })
        return answer.promise
      },
      link: { watched: (work) => work },
      enrolled: () => enrolled.promise,
      puller: {
        start: async () => {
          const result = Promise.withResolvers<PullResult>()
          pulls.push(result)
          return {
            pull: { progress: () => ({ runs: { done: 1, total: 2 } }) } as never,
            result: result.promise,
          }
        },
      },
      clock,
      log: silentLog,
    },
    { self: 'me' as PeerKey },
  )
  const last = (): Question => {
    const question = questions.at(-1)
    assert.ok(question)
    return question
  }
  const order = (placement: number) => ({ placement, reference: 'site/disk@1' })
  return { clock, enrolled, questions, pulls, placer, last, order }
}

test('the first question waits for the pass, and may be held', async () => {
  const { clock, enrolled, questions, placer, last } = setUp()
  await placer.start()
  await clock.advance(PLACES_IDLE_MS)
  assert.is(questions.length, 0)
  enrolled.resolve()
  await clock.advance(0)
  assert.equal(last().body, { peer: 'me', reports: [], waitSeconds: 30 })
  last().answer.resolve({ orders: [], askAgainSeconds: 0 })
  await clock.advance(0)
  assert.is(questions.length, 2, 'who was held asks again at once')
  last().answer.reject(new UnreachableError('gone'))
  await clock.advance(PLACES_IDLE_MS - 1)
  assert.is(questions.length, 2)
  await clock.advance(1)
  assert.is(questions.length, 3)
  await placer.stop()
})

test('while it fetches it tells how far it is, and what ended is told at once', async () => {
  const { clock, enrolled, questions, pulls, placer, last, order } = setUp()
  enrolled.resolve()
  await placer.start()
  await clock.advance(0)
  last().answer.resolve({ orders: [order(7), order(8)], askAgainSeconds: 0 })
  await clock.advance(PLACES_BUSY_MS)
  const told = { state: 'fetching', runs: 1, runsTotal: 2 }
  assert.equal(last().body, {
    peer: 'me',
    reports: [
      { placement: 7, ...told },
      { placement: 8, ...told },
    ],
  })
  pulls[0]?.resolve({} as PullResult)
  await clock.advance(0)
  assert.is(questions.length, 2, 'one question at a time')
  last().answer.resolve({ orders: [], askAgainSeconds: 30 })
  await clock.advance(0)
  assert.equal(
    last().body.reports.map(({ placement, state }) => [placement, state]),
    [
      [7, 'done'],
      [8, 'fetching'],
    ],
  )
  last().answer.resolve({ orders: [], askAgainSeconds: 30 })
  pulls[1]?.resolve({} as PullResult)
  await clock.advance(0)
  assert.equal(last().body, {
    ...{ peer: 'me', waitSeconds: 30 },
    reports: [{ placement: 8, state: 'done', runs: 1, runsTotal: 2 }],
  })
  await placer.stop()
})

test.run()
