import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Announcer, type AnnouncerComponents } from '../../node/announcer.ts'
import type { Pull } from '../../node/pull.ts'
import type { AnnouncedAnswer, AnnouncedSwarm } from '../../src/api/swarm-schemas.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { type Digest, digestOf, type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import { StorageError, UnreachableError } from '../../src/core/errors.ts'
import {
  ANNOUNCE_EARLY_MS,
  ANNOUNCE_INTERVAL_MS,
  ANNOUNCE_JITTER,
  ANNOUNCE_TIMEOUT_MS,
  FIND_PEERS_TIMEOUT_MS,
  REFUSED_RETRY_MS,
  STAY_NEAR_MS,
} from '../../src/core/limits.ts'
import { anyManifest } from '../conformance/router.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { recordingLog } from '../fixtures/recording-log.ts'

const test = suite('announcer')

interface FakePull {
  readonly pull: Pull
  readonly learnt: string[]
  readonly stopped: (Error | undefined)[]
}

function pullOf(name: string): FakePull {
  const learnt: string[] = []
  const stopped: (Error | undefined)[] = []
  const session = {
    learn: (peers: readonly { peer: string }[]) => learnt.push(...peers.map(({ peer }) => peer)),
  }
  const stop = (reason?: Error) => void stopped.push(reason)
  return { pull: { manifest: anyManifest(name), session, stop } as unknown as Pull, learnt, stopped }
}

/** A swarm that is complete here. */
function swarmOf(manifest: ManifestId, segments: readonly Digest[] = []) {
  const links = segments.map((digest) => ({ digest }))
  const have = { count: 7 }
  return { id: manifest, complete: true, withheld: false, have, manifest: { segments: links } }
}

/** A tracker that takes everything, unless `answer` says otherwise, and keeps what it was told. */
class FakeTracker {
  readonly told: AnnouncedSwarm[][] = []
  left = 0
  near = 0
  reachable: boolean | undefined
  away = false
  answer = (swarm: AnnouncedSwarm): Partial<AnnouncedAnswer> => (swarm.find === true ? { peers: [] } : {})

  async announceAll(swarms: AnnouncedSwarm[]) {
    this.told.push(swarms)
    this.reachable = !this.away
    if (this.away) throw new UnreachableError('the tracker is away')
    const answers = swarms.map((swarm) => ({ manifest: swarm.manifest, ...this.answer(swarm) }))
    return { swarms: answers, places: Number.POSITIVE_INFINITY }
  }

  async leaveAll() {
    this.left++
  }

  async stayNear() {
    this.near++
    if (this.away) throw new UnreachableError('the tracker is away')
  }
}

function announcerOf(some: Partial<AnnouncerComponents> = {}) {
  const clock = new FakeClock()
  const link = new FakeTracker()
  const withdrawn: ManifestId[] = []
  const roots: Digest[] = []
  const { log, lines } = recordingLog()
  const budget = {
    ...{ start: async () => {}, stop: async () => {}, addSegments: () => 0, withdraw: async () => {} },
    addRoots: (keys: Iterable<Digest>) => roots.push(...keys),
  }
  const announcer = new Announcer({
    catalog: { all: () => [], delegationFor: () => undefined },
    exchange: { swarm: () => undefined },
    puller: { running: () => [], findPeers: async () => {} },
    router: { withdraw: async (manifest) => void withdrawn.push(manifest) },
    dht: { name: 'dht' } as never,
    ...{ link, budget, clock, log, random: () => 0, ...some },
  })
  return { announcer, clock, link, withdrawn, roots, lines }
}

const imagesOf = (count: number) => Array.from({ length: count }, (_, n) => anyManifest(`image ${n}`))
const holding = (manifests: readonly ManifestId[]): Partial<AnnouncerComponents> => ({
  catalog: {
    all: () => manifests.map((manifest) => ({ manifest })) as never,
    delegationFor: () => undefined,
  },
  exchange: { swarm: (manifest) => swarmOf(manifest) as never },
})

test('one request for each interval, whatever the number of images', async () => {
  for (const images of [1, 30, 500]) {
    const { announcer, clock, link } = announcerOf(holding(imagesOf(images)))
    await announcer.start()
    await clock.advance(60 * ANNOUNCE_INTERVAL_MS - 1)
    assert.is(link.told.length, 60, `${images} images`)
    assert.is(new Set(link.told.flat().map(({ manifest }) => manifest)).size, images)
    await announcer.stop()
    assert.is(link.left, 1)
    assert.is(clock.pending, 0)
  }
})

test('a node without images announces nothing, and keeps its connection to the tracker', async () => {
  const { announcer, clock, link } = announcerOf()
  await announcer.start()
  await clock.advance(STAY_NEAR_MS)
  assert.is(link.near, 2)
  link.away = true
  await clock.advance(2 * STAY_NEAR_MS)
  assert.is(link.near, 4)
  assert.is(link.told.length, 0)
  await announcer.stop()
  assert.is(link.left, 0)
})

test('nodes that start together do not announce together for long', async () => {
  const { announcer, clock, link } = announcerOf({ ...holding(imagesOf(1)), random: () => 1 })
  await announcer.start()
  await clock.advance(9 * ANNOUNCE_INTERVAL_MS)
  assert.is(link.told.length, 1 + Math.floor(9 / (1 - ANNOUNCE_JITTER)))
  await announcer.stop()
})

test('a pull learns of peers, and asks for a grant only when its own has to be renewed', async () => {
  const { pull, learnt } = pullOf('pull')
  const { announcer, clock, link } = announcerOf({
    puller: { running: () => [pull], findPeers: async () => {} },
  })
  const peers = [{ peer: 'other', addresses: [] }] as never
  link.answer = ({ grant }) => ({
    peers,
    ...(grant === true ? { grant: 'g', renewAfterSeconds: 35 } : {}),
  })
  await announcer.start()
  await clock.advance(4 * ANNOUNCE_INTERVAL_MS)
  assert.equal(
    link.told.map(([swarm]) => swarm?.grant),
    [true, false, false, false, true],
  )
  assert.equal(learnt, Array(5).fill('other'))
  await announcer.stop()
})

test('a pull that has begun is told of soon, and several that begin together at once', async () => {
  const { pull } = pullOf('new')
  let pulls: Pull[] = []
  const { announcer, clock, link } = announcerOf({
    puller: { running: () => pulls, findPeers: async () => {} },
  })
  await announcer.start()
  await clock.advance(ANNOUNCE_INTERVAL_MS / 10)
  pulls = [pull]
  announcer.began()
  await clock.advance(ANNOUNCE_EARLY_MS / 2)
  announcer.began()
  assert.is(link.told.length, 0)
  await clock.advance(ANNOUNCE_EARLY_MS / 2)
  assert.equal(
    link.told.map((told) => told.map(({ find }) => find)),
    [[true]],
  )
  await clock.advance(ANNOUNCE_INTERVAL_MS * (1 - ANNOUNCE_JITTER) - 1)
  assert.is(link.told.length, 1, 'the next round is as far as ever')
  await announcer.stop()
})

test('without the tracker the DHT is asked, once for each pull at a time, and not for ever', async () => {
  const asked: Pull[] = []
  const signals: AbortSignal[] = []
  const findPeers = (pull: Pull, { signal }: CallOptions = {}) =>
    new Promise<void>((resolve) => {
      asked.push(pull)
      signal?.addEventListener('abort', () => resolve())
      if (signal !== undefined) signals.push(signal)
    })
  const pulls = ['a', 'b', 'c'].map((name) => pullOf(name).pull)
  const { announcer, clock, link } = announcerOf({ puller: { running: () => pulls, findPeers } })
  link.away = true
  await announcer.start()
  await clock.advance(2 * ANNOUNCE_INTERVAL_MS)
  assert.is(link.told.length, 3, 'the announces go on')
  assert.is(asked.length, 3)
  await clock.advance(FIND_PEERS_TIMEOUT_MS - 2 * ANNOUNCE_INTERVAL_MS)
  assert.ok(signals.slice(0, 3).every(({ aborted }) => aborted))
  await clock.advance(ANNOUNCE_INTERVAL_MS)
  assert.is(asked.length, 6)
  await announcer.stop()
  assert.ok(signals.every(({ aborted }) => aborted))
  assert.is(clock.pending, 0)
})

test('a tracker that does not answer is given up, and announced to again', async () => {
  const signals: AbortSignal[] = []
  const link = {
    ...{ reachable: false, leaveAll: async () => {}, stayNear: async () => {} },
    announceAll: (_: unknown, { signal }: CallOptions = {}) =>
      new Promise<never>((_resolve, reject) => {
        if (signal !== undefined) signals.push(signal)
        signal?.addEventListener('abort', () => reject(new UnreachableError('given up')))
      }),
  }
  const { announcer, clock } = announcerOf({ ...holding(imagesOf(1)), link })
  await announcer.start()
  await clock.advance(ANNOUNCE_TIMEOUT_MS - 1)
  assert.is(signals.length, 1)
  await clock.advance(1)
  assert.is(signals.length, 2)
  await announcer.stop()
})

test('the DHT hears of what is here, with the tracker and without', async () => {
  const images = imagesOf(2)
  const { announcer, clock, link, roots } = announcerOf(holding(images))
  link.away = true
  await announcer.start()
  await clock.advance(0)
  assert.equal(roots, images.map(parseManifestId))
  link.away = false
  await clock.advance(ANNOUNCE_INTERVAL_MS)
  assert.is(roots.length, 4)
  await announcer.stop()
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
  const budget = {
    ...{ start: async () => {}, stop: async () => {}, addRoots: () => 0, addSegments: () => 0 },
    withdraw,
  }
  const { announcer, withdrawn } = announcerOf({ budget })
  const manifest = anyManifest('gone')
  await announcer.forget(manifest, [digestOf(Buffer.from('segment'))])
  assert.equal(withdrawn, [manifest])
})

test('an image that this node may not have any more is given to nobody, until it may again', async () => {
  const manifest = anyManifest('refused')
  const segment = digestOf(Buffer.from('segment'))
  const swarm = swarmOf(manifest, [segment])
  const withdrawn: Digest[] = []
  const budget = {
    ...{ start: async () => {}, stop: async () => {}, addRoots: () => 0, addSegments: () => 0 },
    withdraw: async (keys: Iterable<Digest>) => void withdrawn.push(...keys),
  }
  const { announcer, clock, link } = announcerOf({
    ...holding([manifest]),
    ...{ budget, exchange: { swarm: () => swarm as never } },
  })
  const refused = { refused: { code: 'E_NOT_AUTHORISED', detail: 'there is no image with this manifest' } }
  link.answer = () => refused
  await announcer.start()
  await clock.advance(0)
  assert.ok(swarm.withheld)
  assert.equal(withdrawn, [parseManifestId(manifest), segment])
  link.answer = () => ({})
  await clock.advance(REFUSED_RETRY_MS - ANNOUNCE_INTERVAL_MS - 1)
  assert.ok(swarm.withheld)
  await clock.advance(2 * ANNOUNCE_INTERVAL_MS)
  assert.not(swarm.withheld)
  await announcer.stop()
})

test('a pull that is refused ends with what the tracker said', async () => {
  const { pull, stopped } = pullOf('pull')
  const { announcer, clock, link } = announcerOf({
    puller: { running: () => [pull], findPeers: async () => {} },
  })
  link.answer = () => ({ refused: { code: 'E_NOT_AUTHORISED', detail: 'not for you' } })
  await announcer.start()
  await clock.advance(0)
  assert.equal(
    stopped.map((reason) => reason?.message),
    ['not for you'],
  )
  await announcer.stop()
})

test.run()
