import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TrackerLink } from '../../node/tracker-link.ts'
import {
  AbortedError,
  BusyError,
  CertificateError,
  NotAuthorisedError,
  StorageError,
  TimeoutError,
  UnreachableError,
} from '../../src/core/errors.ts'
import { GRANT_SETTLE_S } from '../../src/core/limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { failureOf } from '../fixtures/failure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('tracker link')
const { trust } = await Site.create()

const GRACE_S = 3600

/** A link to a tracker that gives these answers, one after the other. */
function linkTo(clock = new FakeClock()) {
  const no = async (): Promise<never> => {
    throw new RangeError('not asked for')
  }
  const init = { name: 'tracker', self: 'peer' as PeerKey, graceSeconds: GRACE_S, addresses: () => [] }
  const link = new TrackerLink(
    { client: { join: no, announce: no, leave: no, reach: no, related: no }, clock, trust },
    { ...init, enrolled: async () => {}, renewed: () => {}, met: () => {} },
  )
  const fails = (error: Error) => failureOf(link.watched(Promise.reject(error)))
  return { link, clock, fails, answers: () => link.watched(Promise.resolve()) }
}

test('does not claim to know a tracker that was not asked', () => {
  const { link } = linkTo()
  assert.is(link.reachable, undefined)
  assert.is(link.graceS, 0)
})

test('knows after one question whether the tracker is there', async () => {
  const { link, answers, fails } = linkTo()
  await answers()
  assert.is(link.reachable, true)
  const away = [
    new UnreachableError('away'),
    new TimeoutError('slow'),
    new BusyError('later'),
    new StorageError('disk'),
  ]
  for (const error of away) {
    await answers()
    await fails(error)
    assert.is(link.reachable, false, error.name)
  }
})

test('a refusal is an answer, a request that was given up is none', async () => {
  const { link, fails } = linkTo()
  await fails(new AbortedError('stopped'))
  assert.is(link.reachable, undefined)
  await fails(new NotAuthorisedError('no'))
  assert.is(link.reachable, true)
  await fails(new UnreachableError('away'))
  assert.is(link.reachable, false)
})

test('whoever cannot prove to be the tracker has said nothing', async () => {
  const { link, fails } = linkTo()
  await fails(new CertificateError('your certificate was revoked'))
  assert.is(link.reachable, true, 'the tracker said that')
  await fails(new CertificateError('no acceptable TLS connection', { cause: new TypeError('cert') }))
  assert.is(link.reachable, false)
})

test('grace counts while the tracker is away, and until everybody can have renewed', async () => {
  const { link, clock, answers, fails } = linkTo()
  await answers()
  await clock.advance(1000)
  assert.is(link.graceS, 0)
  await fails(new UnreachableError('away'))
  assert.is(link.graceS, GRACE_S)
  await clock.advance(600_000)
  await answers()
  assert.is(link.graceS, GRACE_S)
  await clock.advance(GRANT_SETTLE_S * 1000)
  assert.is(link.graceS, 0)
})

test.run()
