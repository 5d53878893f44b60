import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Announcer, type AnnouncerComponents } from '../../node/announcer.ts'
import type { Pull } from '../../node/pull.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { type Digest, digestOf, type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import { NotAuthorisedError, StorageError } from '../../src/core/errors.ts'
import { ANNOUNCE_INTERVAL_MS, FIND_PEERS_TIMEOUT_MS, REFUSED_RETRY_MS } from '../../src/core/limits.ts'
import { anyManifest } from '../conformance/router.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { recordingLog } from '../fixtures/recording-log.ts'

const test = suite('announcer')

function pullOf(name: string): Pull {
  return { manifest: anyManifest(name), progress: () => ({ runs: { done: 0, total: 1 } }) } as unknown as Pull
}

/** Routers that only keep what they were told. */
function routerNamed(name: string, told: string[]) {
  const keep = (what: string) => async (manifest: ManifestId) => void told.push(`${name} ${what} ${manifest}`)
  async function* find() {}
  return { name, announce: keep('announce'), withdraw: keep('withdraw'), find }
}

function announcerOf(some: Partial<AnnouncerComponents>) {
  const clock = new FakeClock()
  const told: string[] = []
  const { log, lines } = recordingLog()
  const announcer = new Announcer({
    catalog: { all: () => [] },
    exchange: { swarm: () => undefined },
    puller: { running: () => [], findPeers: async () => {} },
    link: { reachable: undefined, leaveSwarm: async () => {} },
    router: routerNamed('router', told),
    dht: routerNamed('dht', told),
    budget: { start: async () => {}, stop: async () => {}, addSegments: () => 0, withdraw: async () => {} },
    ...{ clock, log, ...some },
  })
  return { announcer, clock, told, lines }
}

test('asks for all pulls at once, and gives up on one that waits too long', async () => {
  const asked: Pull[] = []
  const signals: AbortSignal[] = []
  const findPeers = (pull: Pull, { signal }: CallOptions = {}) =>
    new Promise<void>((resolve) => {
      asked.push(pull)
      signal?.addEventListener('abort', () => resolve())
      if (signal !== undefined) signals.push(signal)
    })
  const pulls = [pullOf('a'), pullOf('b'), pullOf('c')]
  const { announcer, clock } = announcerOf({ puller: { running: () => pulls, findPeers } })
  await announcer.start()
  await clock.advance(0)
  assert.is(asked.length, 3)
  await clock.advance(FIND_PEERS_TIMEOUT_MS)
  assert.ok(signals.every(({ aborted }) => aborted))
  await clock.advance(ANNOUNCE_INTERVAL_MS)
  assert.is(asked.length, 6)
  await announcer.stop()
  assert.ok(signals.every(({ aborted }) => aborted))
  assert.is(clock.pending, 0)
})

test('goes on after a round that failed in a way that nobody expected', async () => {
  let rounds = 0
  const running = () => {
    rounds++
    throw new TypeError('a defect')
  }
  const { announcer, clock, lines } = announcerOf({ puller: { running, findPeers: async () => {} } })
  await announcer.start()
  await clock.advance(0)
  await clock.advance(ANNOUNCE_INTERVAL_MS)
  assert.is(rounds, 2)
  assert.equal(
    lines.map(({ level }) => level),
    ['error', 'error'],
  )
  await announcer.stop()
})

test('leaves a swarm even when the budget fails', async () => {
  const withdraw = async () => Promise.reject(new StorageError('the datastore is gone'))
  const budget = { start: async () => {}, stop: async () => {}, addSegments: () => 0, withdraw }
  const { announcer, told } = announcerOf({ budget })
  const manifest = anyManifest('gone')
  await announcer.forget(manifest, [digestOf(Buffer.from('segment'))])
  assert.equal(told, [`router withdraw ${manifest}`])
})

test('an image that this node may not have any more is given to nobody, until it may again', async () => {
  const manifest = anyManifest('refused')
  const segment = digestOf(Buffer.from('segment'))
  const swarm = {
    id: manifest,
    complete: true,
    withheld: false,
    manifest: { segments: [{ digest: segment }] },
  }
  const state = { refuses: true }
  const withdrawn: Digest[] = []
  const router = {
    ...routerNamed('router', []),
    announce: async () => {
      if (state.refuses) throw new NotAuthorisedError('there is no image with this manifest')
    },
  }
  const budget = {
    ...{ start: async () => {}, stop: async () => {}, addSegments: () => 0 },
    withdraw: async (keys: readonly Digest[]) => void withdrawn.push(...keys),
  }
  const { announcer, clock } = announcerOf({
    ...{ router, budget, catalog: { all: () => [{ manifest }] as never } },
    exchange: { swarm: () => swarm as never },
  })
  await announcer.start()
  await clock.advance(0)
  assert.ok(swarm.withheld)
  assert.equal(withdrawn, [parseManifestId(manifest), segment])
  state.refuses = false
  await clock.advance(REFUSED_RETRY_MS - ANNOUNCE_INTERVAL_MS - 1)
  assert.ok(swarm.withheld)
  await clock.advance(2 * ANNOUNCE_INTERVAL_MS)
  assert.not(swarm.withheld)
  await announcer.stop()
})

test.run()
