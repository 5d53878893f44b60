import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Announcer, type AnnouncerComponents } from '../../node/announcer.ts'
import type { Pull } from '../../node/pull.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { digestOf, type ManifestId } from '../../src/core/cid.ts'
import { StorageError } from '../../src/core/errors.ts'
import { ANNOUNCE_INTERVAL_MS, FIND_PEERS_TIMEOUT_MS } from '../../src/core/limits.ts'
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

test.run()
