import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../src/core/clock.ts'
import type { Frame, FrameVerifier, SolidPacker } from '../../src/core/frame.ts'
import { SOLID_RATE_MAX_BYTES_S, SOLID_SAMPLE_MS } from '../../src/core/limits.ts'
import { Solid, type SolidMode } from '../../src/exchange/solid.ts'
import { FramePool } from '../../src/store/frame-pool.ts'
import { type SwarmImage, startPeer, swarmImage, testGrant } from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('solid answers')
const pool = new FramePool({ workers: 1 })
const alive = setInterval(() => {}, 1000)
test.after(async () => {
  clearInterval(alive)
  await pool.close()
})

const two = [1, 2] as unknown as Frame[]
const packs: SolidPacker = { packSolid: async () => new Uint8Array(3) }

function policy(mode: SolidMode, idle: { share: number }) {
  const clock = new FakeClock()
  return { clock, solid: new Solid({ packer: packs, clock, idle }, { mode }) }
}

test('asks for solid frames while the link is slow and the machine idle', async () => {
  const idle = { share: 1 }
  const { clock, solid } = policy('auto', idle)
  const from = { wireReceivedBytes: 0 }
  assert.ok(solid.welcome(from))
  const perSample = (SOLID_RATE_MAX_BYTES_S * SOLID_SAMPLE_MS) / 1000
  await clock.advance(SOLID_SAMPLE_MS)
  from.wireReceivedBytes += perSample
  assert.not.ok(solid.welcome(from))
  await clock.advance(SOLID_SAMPLE_MS - 1)
  assert.not.ok(solid.welcome(from))
  await clock.advance(1)
  from.wireReceivedBytes += perSample - 1
  assert.ok(solid.welcome(from))
  idle.share = 0.2
  assert.not.ok(solid.welcome(from))
})

test('packs while the machine is idle', async () => {
  const idle = { share: 0.3 }
  const { solid } = policy('auto', idle)
  assert.ok(await solid.pack(two))
  assert.is(await solid.pack(two.slice(1)), undefined)
  idle.share = 0.2
  assert.is(await solid.pack(two), undefined)
})

test('always and never do not ask', async () => {
  const idle = { share: 0 }
  const always = policy('always', idle).solid
  assert.ok(always.welcome({ wireReceivedBytes: 0 }))
  assert.ok(await always.pack(two))
  const never = policy('never', { share: 1 }).solid
  assert.not.ok(never.welcome({ wireReceivedBytes: 0 }))
  assert.is(await never.pack(two), undefined)
})

async function fetched(image: SwarmImage, modes: { origin: SolidMode; peer: SolidMode }) {
  const network = new MemoryNetwork()
  const solid = (mode: SolidMode) =>
    new Solid({ packer: pool, clock: systemClock, idle: { share: 1 } }, { mode })
  const verifier: FrameVerifier = pool
  const origin = await startPeer(network, 'origin', {
    ...{ origin: true, holds: image, verifier, solid: solid(modes.origin) },
  })
  const peer = await startPeer(network, 'peer', { verifier, solid: solid(modes.peer) })
  const session = peer.exchange.openSession({
    manifest: image.id,
    grant: testGrant(peer.address.peer, image.id),
  })
  session.learn([origin.address])
  await session.run()
  const held = await peer.blocks.has(image.blocks.map(({ digest }) => digest))
  await Promise.all([origin, peer].map(({ exchange }) => exchange.stop()))
  return { whole: held.every((it) => it), bytes: session.stats.bytes }
}

test('an image comes whole in fewer bytes, and only where both sides agree', async () => {
  const image = swarmImage(
    Array.from({ length: 100 }, (_, i) => i),
    16 * 1024,
  )
  const plain = await fetched(image, { origin: 'always', peer: 'never' })
  const refused = await fetched(image, { origin: 'never', peer: 'always' })
  const solid = await fetched(image, { origin: 'always', peer: 'always' })
  assert.ok(plain.whole && refused.whole && solid.whole)
  assert.is(refused.bytes.wireFromOrigin, plain.bytes.wireFromOrigin)
  assert.ok(solid.bytes.wireFromOrigin < plain.bytes.wireFromOrigin)
  assert.is(solid.bytes.fetchedUncompressed, plain.bytes.fetchedUncompressed)
})

test.run()
