import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TrackerLink } from '../../node/tracker-link.ts'
import { AbortedError, NotAuthorisedError, TimeoutError, UnreachableError } from '../../src/core/errors.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { failureOf } from '../fixtures/failure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('tracker link')
const { trust } = await Site.create()

/** A link to a tracker that gives these answers, one after the other. */
function linkTo(...answers: (Error | undefined)[]): TrackerLink {
  const answer = async () => {
    const next = answers.shift()
    if (next !== undefined) throw next
    return { principal: '/CN=node', admin: false }
  }
  const no = async () => assert.unreachable('not asked for')
  const client = { whoami: answer, join: no, announce: no, leave: no }
  const init = { name: 'tracker', self: 'peer' as PeerKey, labels: {}, addresses: () => [] }
  return new TrackerLink(
    { client: client as never, clock: new FakeClock(), trust },
    { ...init, renewed: () => {}, met: () => {} },
  )
}

test('does not claim to know a tracker that was not asked', () => {
  assert.is(linkTo().reachable, undefined)
})

test('knows after one question whether the tracker is there', async () => {
  const there = linkTo(undefined)
  await there.ask()
  assert.is(there.reachable, true)
  for (const error of [new UnreachableError('away'), new TimeoutError('slow')]) {
    const away = linkTo(error)
    await failureOf(away.ask())
    assert.is(away.reachable, false)
  }
})

test('a refusal is an answer, a request that was given up is none', async () => {
  const link = linkTo(new AbortedError('stopped'), new NotAuthorisedError('no'), new UnreachableError('away'))
  await failureOf(link.ask())
  assert.is(link.reachable, undefined)
  await failureOf(link.ask())
  assert.is(link.reachable, true)
  await failureOf(link.ask())
  assert.is(link.reachable, false)
})

test.run()
