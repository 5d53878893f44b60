import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../src/core/bitmap.ts'
import { runCount } from '../../src/core/manifest.ts'
import type { Session } from '../../src/exchange/session.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { startPeer, swarmImage, type TestPeer, testGrant } from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { SlowStore } from '../fixtures/slow-store.ts'

const test = suite('update')
const BLOCKS = 480
const NODES = 8
/** A block of each run is another one. */
const OLD = swarmImage(Array.from({ length: BLOCKS }, (_, i) => i))
const NEXT = swarmImage(Array.from({ length: BLOCKS }, (_, i) => (i % 16 === 5 ? BLOCKS + i : i)))
/** A disk that others use as well. */
const STORE_MS = 20
const STEP_MS = 5
const LATE_MS = 200

interface Site {
  readonly clock: FakeClock
  readonly origin: TestPeer
  readonly nodes: readonly TestPeer[]
}

/** Nodes that have OLD, and an origin that has NEXT. */
async function site(): Promise<Site> {
  const network = new MemoryNetwork()
  const clock = new FakeClock(Date.now())
  const base = new MemoryStore()
  await base.put(OLD.blocks)
  const origin = await startPeer(network, 'origin', {
    origin: true,
    holds: NEXT,
    clock,
    random: seededRandom(0),
  })
  const nodes = await Promise.all(
    Array.from({ length: NODES }, async (_, i) => {
      const blocks = new SlowStore({ base, clock }, { delayMs: STORE_MS })
      const node = await startPeer(network, `node-${i}`, { blocks, clock, random: seededRandom(i + 1) })
      await node.nodes.put(OLD.nodes)
      node.exchange.addSwarm(OLD.id, OLD.manifest, Bitmap.full(runCount(OLD.manifest)))
      return node
    }),
  )
  return { clock, origin, nodes }
}

function open({ exchange, address }: TestPeer, knows: readonly TestPeer[]): Session {
  const session = exchange.openSession({ manifest: NEXT.id, grant: testGrant(address.peer, NEXT.id) })
  session.learn(knows.map((peer) => peer.address))
  return session
}

/** Milliseconds of the clock until all are done. */
async function elapse(clock: FakeClock, work: Promise<unknown>): Promise<number> {
  let done = false
  const end = work.finally(() => {
    done = true
  })
  const startMs = clock.monotonic()
  while (!done) {
    for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(STEP_MS)
  }
  await end
  return clock.monotonic() - startMs
}

const stopAll = ({ origin, nodes }: Site) =>
  Promise.all([origin, ...nodes].map(({ exchange }) => exchange.stop()))

test('a node that was in a handout before it had begun is a neighbour of those who came too early soon after', async () => {
  const all = await site()
  const { clock, origin, nodes } = all
  // The late half is in the handouts of the early one, and was given its own before the early one was there.
  const late = nodes.slice(0, NODES / 2)
  const early = nodes.slice(NODES / 2)
  const runs = early.map((node) => open(node, [origin, ...nodes.filter((other) => other !== node)]).run())
  const rest = new Promise<void>((resolve) => {
    clock.after(LATE_MS, resolve)
  }).then(() =>
    Promise.all(late.map((node) => open(node, [origin, ...late.filter((other) => other !== node)]).run())),
  )
  const elapsedMs = await elapse(clock, Promise.all([...runs, rest]))
  assert.ok(elapsedMs < 2000, `${elapsedMs} ms`)
  const copy = NEXT.blocks.reduce((sum, { bytes }, i) => sum + (i % 16 === 5 ? bytes.length : 0), 0)
  assert.ok(origin.exchange.wireSentBytes < 1.5 * copy, `${origin.exchange.wireSentBytes / copy} copies`)
  await stopAll(all)
})

test.run()
