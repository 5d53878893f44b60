import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BusyError } from '../../../src/core/errors.ts'
import {
  UPLOAD_BODIES_MAX,
  UPLOAD_BODIES_PER_PRINCIPAL_MAX,
  UPLOAD_BODIES_WAITING_MAX,
  UPLOAD_BODY_WAIT_MS,
} from '../../../src/core/registry-limits.ts'
import { BodyPlaces } from '../../../tracker/uploads/body-places.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('body places')
const nothing = async () => {}

/** Requests that are read until the test ends them. */
function reader(places: BodyPlaces, init: { ended?: Promise<void> } = {}) {
  let inside = 0
  const one = (principal: string) =>
    places
      .within(principal, async () => {
        inside++
        await init.ended
        inside--
      })
      .then(
        () => 'read',
        (error: unknown) => (error instanceof BusyError ? 'busy' : error),
      )
  return { one, inside: () => inside }
}

test('one principal leaves places to others', async () => {
  const clock = new FakeClock()
  const places = new BodyPlaces({ clock })
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const { one, inside } = reader(places, { ended })
  const idle = Array.from({ length: UPLOAD_BODIES_MAX + 1 }, () => one('/CN=mallory'))
  await clock.advance(0)
  assert.is(inside(), UPLOAD_BODIES_PER_PRINCIPAL_MAX)
  await places.within('/CN=alice', nothing)
  await clock.advance(UPLOAD_BODY_WAIT_MS)
  end()
  const answers = await Promise.all(idle)
  assert.is(answers.filter((answer) => answer === 'read').length, UPLOAD_BODIES_PER_PRINCIPAL_MAX)
  assert.is(
    answers.filter((answer) => answer === 'busy').length,
    idle.length - UPLOAD_BODIES_PER_PRINCIPAL_MAX,
  )
  assert.is(clock.pending, 0)
})

test('who waits gets the place that becomes free, in turn; a long line is refused at once', async () => {
  const clock = new FakeClock()
  const places = new BodyPlaces({ clock })
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const { one, inside } = reader(places, { ended })
  const many = UPLOAD_BODIES_PER_PRINCIPAL_MAX + UPLOAD_BODIES_WAITING_MAX
  const waiting = Array.from({ length: many }, () => one('/CN=alice'))
  assert.is(await one('/CN=alice'), 'busy')
  assert.is(inside(), UPLOAD_BODIES_PER_PRINCIPAL_MAX)
  end()
  assert.ok((await Promise.all(waiting)).every((answer) => answer === 'read'))
  assert.equal([inside(), clock.pending], [0, 0])
  await places.within('/CN=alice', nothing)
})

test('all principals together have so many, and a refusal costs no place', async () => {
  const clock = new FakeClock()
  const places = new BodyPlaces({ clock })
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const { one, inside } = reader(places, { ended })
  const all = Array.from({ length: UPLOAD_BODIES_MAX }, (_, n) => one(`/CN=${n}`))
  for (let i = 0; i < 2 * UPLOAD_BODIES_PER_PRINCIPAL_MAX; i++) assert.is(await one('/CN=late'), 'busy')
  assert.is(inside(), UPLOAD_BODIES_MAX)
  end()
  await Promise.all(all)
  assert.is(await one('/CN=late'), 'read')
})

test('a failure leaves the place', async () => {
  const places = new BodyPlaces({ clock: new FakeClock() })
  const fail = () => places.within('/CN=a', () => Promise.reject(new RangeError('x')))
  for (let i = 0; i < 2 * UPLOAD_BODIES_MAX; i++) {
    const failure = await fail().catch((error: unknown) => error)
    assert.instance(failure, RangeError)
  }
})

test.run()
