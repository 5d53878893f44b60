import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RUN_BYTES_MAX, SERVE_COPIES_MAX } from '../../src/core/limits.ts'
import type { Connection } from '../../src/exchange/connection.ts'
import { Repeats } from '../../src/exchange/policy/repeats.ts'
import type { Served } from '../../src/exchange/served.ts'
import { type ServedRequestComponents, ServedRequests } from '../../src/exchange/served-requests.ts'
import type { DeskJob } from '../../src/exchange/serving-desk.ts'

const test = suite('served requests')
const GUEST = 0
const BOOT = 1
const REQUESTED = 2
const BACKGROUND = 3

/** The jobs that requests of one peer become, in a swarm that was assigned run 3 here when this is an origin. */
function jobsAt(where: { origin: boolean }) {
  const jobs: DeskJob[] = []
  const asker = where.origin ? { expects: (run: number) => run === 3 } : undefined
  const served = { swarm: { map: { runs: 8 } }, asker, repeats: new Repeats(), givenBytes: 0 }
  const requests = new ServedRequests(
    { desk: { add: (job: DeskJob) => jobs.push(job) > 0 } } as unknown as ServedRequestComponents,
    {
      connection: { peer: 'peer' } as unknown as Connection,
      swarmOf: () => served as unknown as Served,
      authorised: () => undefined,
    },
  )
  let request = 0
  const common = (of: number) => ({ id: 1, request: ++request, class: of, solid: false })
  const want = (run: number, of = REQUESTED) => {
    requests.add({ type: 'want', ...common(of), run, missing: Uint8Array.of(0b100) })
    return jobs.at(-1)
  }
  const wantDigests = (of = REQUESTED) => {
    requests.add({ type: 'wantDigests', ...common(of), digests: new Uint8Array(32) })
    return jobs.at(-1)
  }
  return { served, want, wantDigests }
}

test('at an origin nobody needs what it did not assign, nor anything by digest, but machines', () => {
  const { want, wantDigests } = jobsAt({ origin: true })
  assert.is(want(3)?.needless?.(), false)
  assert.is(want(4)?.needless?.(), true)
  assert.is(wantDigests()?.needless?.(), true)
  assert.is(want(4, GUEST)?.needless?.(), false)
  assert.is(want(4, BOOT)?.needless?.(), false)
  assert.is(wantDigests(GUEST)?.needless?.(), false)
})

test('what a peer may read some day an origin gives it until it was given the image twice', () => {
  const { served, want, wantDigests } = jobsAt({ origin: true })
  const job = want(4, BACKGROUND)
  assert.equal([job?.needless?.(), job?.ahead?.()], [false, true])
  const assigned = want(3, BACKGROUND)
  assert.equal([assigned?.needless?.(), assigned?.ahead?.()], [false, false])
  assert.is(wantDigests(BACKGROUND)?.needless?.(), true)
  served.givenBytes = SERVE_COPIES_MAX * 9 * RUN_BYTES_MAX + 1
  assert.equal([job?.needless?.(), job?.ahead?.()], [true, false])
  assert.is(assigned?.needless?.(), false)
  served.givenBytes = 0
  served.repeats.gave(4, 2)
  assert.is(job?.needless?.(), true)
})

test('elsewhere nobody needs what it was given before', () => {
  const { served, want, wantDigests } = jobsAt({ origin: false })
  assert.is(want(4)?.needless?.(), false)
  assert.is(wantDigests()?.needless?.(), false)
  served.repeats.gave(4, 2)
  assert.is(want(4)?.needless?.(), true)
  assert.is(want(5)?.needless?.(), false)
})

test.run()
