import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Places } from '../../../tracker/raw/places.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('places')

function placesOf() {
  const clock = new FakeClock()
  const init = { max: 3, perPrincipalMax: 2, waitingMax: 2, waitMs: 1000, message: 'full' }
  return { clock, places: new Places({ clock }, init) }
}

/** Whether it has resolved by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  const no = Symbol('no')
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, no))])) !== no
}

test('a principal waits when its own places are taken, others do not wait behind it', async () => {
  const { places } = placesOf()
  const leave = await places.take('a')
  await places.take('a')
  const third = places.take('a')
  assert.is(await isDone(third), false)
  assert.is(await isDone(places.take('b')), true)
  assert.is(places.taken, 3)
  leave()
  leave()
  assert.is(await isDone(third), true)
  assert.is(places.taken, 3)
})

test('who waits for too long, or finds too many waiting, is told to come again', async () => {
  const { places, clock } = placesOf()
  for (const principal of ['a', 'b', 'c']) await places.take(principal)
  const waiting = [places.take('d'), places.take('e')].map(failureOf)
  assert.is((await failureOf(places.take('f'))).code, 'E_BUSY')
  clock.advance(1000)
  for (const failure of waiting) assert.is((await failure).code, 'E_BUSY')
})

test('who goes away while it waits takes no place', async () => {
  const { places } = placesOf()
  const leaves = await Promise.all(['a', 'b', 'c'].map((principal) => places.take(principal)))
  const gone = new AbortController()
  const failure = failureOf(places.take('d', { signal: gone.signal }))
  gone.abort()
  assert.is((await failure).code, 'E_ABORTED')
  for (const leave of leaves) leave()
  assert.is(places.taken, 0)
})

test.run()
