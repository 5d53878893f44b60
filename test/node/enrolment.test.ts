import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Enrolment } from '../../node/enrolment.ts'
import type { EnrolAnswer, PassAnswer } from '../../src/api/node-enrolment-schemas.ts'
import { ConflictError, NotAuthorisedError, UnreachableError } from '../../src/core/errors.ts'
import { ENROL_RETRY_MS, ENROL_WAIT_MS } from '../../src/core/limits.ts'
import { parsePass } from '../../src/core/pass.ts'
import type { NodeState } from '../../src/core/permission.ts'
import { peerOfKey, verifyPeerProof } from '../../src/identity/peer-proof.ts'
import { testBook, testPass } from '../fixtures/admission.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { newPeerKey } from '../fixtures/hosts.ts'
import { recordingLog } from '../fixtures/recording-log.ts'

const test = suite<{ dir: string }>('enrolment of a node')
const peerKey = await newPeerKey()
const self = peerOfKey(peerKey)
const LIFE_S = 300
const DN = '/OU=nodes/CN=a'

test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-enrol-'))
})
test.after.each(({ dir }) => rm(dir, { recursive: true }))

/** A tracker that says what it is told to. */
class StubTracker {
  state: NodeState = 'active'
  failure: Error | undefined
  readonly asked: string[] = []
  readonly #clock: FakeClock

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  async enrol(body: { peer: string; proof: string; labels?: Record<string, string> }): Promise<EnrolAnswer> {
    this.asked.push('enrol')
    if (this.failure !== undefined) throw this.failure
    const proof = await verifyPeerProof(body.proof, self)
    assert.equal([proof.dn, proof.aud, body.labels], [DN, 'tracker', { rack: 'a' }])
    const node = { name: 'a', dn: DN, peer: self, labels: {}, created: '', modified: '', seen: null }
    const answer = { node: { ...node, state: this.state } }
    return this.state === 'active' ? { ...answer, pass: this.#pass() } : answer
  }

  async pass(): Promise<PassAnswer> {
    this.asked.push('pass')
    if (this.failure !== undefined) throw this.failure
    if (this.state !== 'active') throw new NotAuthorisedError(`the node a is ${this.state}`)
    return this.#pass()
  }

  #pass(): PassAnswer {
    const nowS = Math.floor(this.#clock.now() / 1000)
    const pass = testPass(self, { node: 'a', sub: DN, iat: nowS, exp: nowS + LIFE_S })
    return { pass, renewAfterSeconds: (LIFE_S * 2) / 3 }
  }
}

function make(dir: string, clock = new FakeClock()) {
  const tracker = new StubTracker(clock)
  const passes = testBook({ clock })
  const refused: string[] = []
  const { log, lines } = recordingLog()
  const enrolment = new Enrolment(
    {
      ...{ client: tracker, passes, clock, log, refused: (reason) => refused.push(reason.message) },
      link: { watched: (request) => request, pass: async (token) => parsePass(JSON.parse(token)) },
    },
    { dn: DN, self, peerKey, tracker: 'tracker', labels: { rack: 'a' }, path: join(dir, 'pass.jwt') },
  )
  /** Lets files be written, and time go on. */
  const pass = async (ms = 0) => {
    await clock.advance(ms)
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return { clock, tracker, passes, enrolment, refused, lines, pass }
}

test('enrols when it starts, and renews its pass in time', async ({ dir }) => {
  const { tracker, passes, enrolment, pass } = make(dir)
  await enrolment.start()
  await enrolment.asked()
  const first = passes.own()
  assert.ok(first)
  assert.equal([enrolment.status().state, enrolment.status().name], ['active', 'a'])
  await pass((LIFE_S * 2000) / 3 - 1)
  assert.equal(tracker.asked, ['enrol'])
  await pass(1)
  assert.equal(tracker.asked, ['enrol', 'pass'])
  assert.is.not(passes.own(), first)
  assert.is(await readFile(join(dir, 'pass.jwt'), 'utf8'), passes.own())
  await enrolment.stop()
  await pass(1_000_000)
  assert.is(tracker.asked.length, 2)
})

test('while it waits for an admin it has no pass, says why, and keeps asking', async ({ dir }) => {
  const { tracker, passes, enrolment, lines, pass } = make(dir)
  tracker.state = 'pending'
  await enrolment.start()
  await enrolment.asked()
  assert.is(passes.own(), undefined)
  assert.is(enrolment.status().state, 'pending')
  assert.match(enrolment.status().reason ?? '', /bootswarm node approve a/)
  for (let i = 0; i < 3; i++) await pass(ENROL_RETRY_MS)
  assert.is(lines.filter(({ level }) => level === 'warn').length, 1, 'said once')
  tracker.state = 'active'
  await pass(ENROL_RETRY_MS)
  assert.is(enrolment.status().state, 'active')
  assert.ok(passes.own())
  await enrolment.stop()
})

test('a revoked node gives up its pass, here and on disk, and stops what it does', async ({ dir }) => {
  const { tracker, passes, enrolment, refused, pass } = make(dir)
  await enrolment.start()
  await enrolment.asked()
  await pass()
  tracker.state = 'revoked'
  await pass(LIFE_S * 1000)
  assert.equal(tracker.asked.slice(0, 3), ['enrol', 'pass', 'enrol'])
  assert.is(passes.own(), undefined)
  assert.is(enrolment.status().state, 'revoked')
  assert.is.not(refused.length, 0)
  assert.is(await readFile(join(dir, 'pass.jwt'), 'utf8').catch(() => 'gone'), 'gone')
  await enrolment.stop()
})

test('while the tracker is away it keeps the pass that it has', async ({ dir }) => {
  const { tracker, passes, enrolment, refused, pass } = make(dir)
  await enrolment.start()
  await enrolment.asked()
  const own = passes.own()
  tracker.failure = new UnreachableError('away')
  await pass(LIFE_S * 10_000)
  assert.is(passes.own(), own)
  assert.match(enrolment.status().reason ?? '', /away/)
  assert.equal(refused, [])
  tracker.failure = undefined
  await pass(ENROL_RETRY_MS)
  assert.is.not(passes.own(), own)
  assert.is(enrolment.status().reason, undefined)
  await enrolment.stop()
})

test('a restart without the tracker has the pass of the run before', async ({ dir }) => {
  const clock = new FakeClock()
  const before = make(dir, clock)
  await before.enrolment.start()
  await before.enrolment.asked()
  await before.pass()
  await before.enrolment.stop()
  const after = make(dir, clock)
  after.tracker.failure = new UnreachableError('away')
  await after.enrolment.start()
  assert.is(after.passes.own(), before.passes.own())
  await after.enrolment.stop()
})

test('a pass of somebody else on disk is not taken', async ({ dir }) => {
  for (const text of [testPass('another'), testPass(self, { node: 'b' })]) {
    const { tracker, passes, enrolment } = make(dir)
    tracker.failure = new UnreachableError('away')
    await writeFile(join(dir, 'pass.jwt'), text)
    await enrolment.start()
    assert.is(passes.own(), undefined)
    await enrolment.stop()
  }
})

test('a tracker that knows another peer is told again', async ({ dir }) => {
  const { tracker, enrolment, pass } = make(dir)
  await enrolment.start()
  await enrolment.asked()
  tracker.pass = async () => {
    tracker.asked.push('pass')
    throw new ConflictError('another peer')
  }
  await pass((LIFE_S * 2000) / 3)
  assert.equal(tracker.asked, ['enrol', 'pass', 'enrol'])
  assert.is(enrolment.status().state, 'active')
  await enrolment.stop()
})

test('asks at once when it is told to, and nobody waits for ever', async ({ dir }) => {
  const { tracker, enrolment, pass, clock } = make(dir)
  tracker.state = 'pending'
  await enrolment.start()
  await enrolment.asked()
  tracker.state = 'active'
  assert.is((await enrolment.now()).state, 'active')
  await enrolment.stop()
  const deaf = make(dir, clock)
  deaf.tracker.enrol = () => new Promise(() => {})
  await deaf.enrolment.start()
  const asked = deaf.enrolment.asked()
  await pass(ENROL_WAIT_MS)
  await asked
  await deaf.enrolment.stop()
})

test.run()
