import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { PassBook } from '../../src/identity/pass-book.ts'
import type { HostLimits } from '../../src/p2p/host-limits.ts'
import type { HostInit, Libp2pHost } from '../../src/p2p/libp2p-host.ts'
import { testBook, testPass } from '../fixtures/admission.ts'
import { failureOf } from '../fixtures/failure.ts'
import { addressOf, startDht, startHost, until } from '../fixtures/hosts.ts'
import { Outsider } from '../fixtures/outsider.ts'
import { recordingLog } from '../fixtures/recording-log.ts'

const test = suite<{ stop: (() => Promise<unknown>)[] }>('pass gate')
const SHORT: Partial<HostLimits> = { passTimeoutMs: 500, passSweepIntervalMs: 100 }
const key = digestOf(Buffer.from('an image'))

test.before.each((context) => {
  context.stop = []
})
test.after.each(async ({ stop }) => {
  await Promise.all(stop.map((one) => one()))
})

async function hostWith(
  { stop }: { stop: (() => Promise<unknown>)[] },
  init: Partial<HostInit> = {},
): Promise<{ host: Libp2pHost; passes: PassBook }> {
  const passes = testBook({ clock: systemClock })
  const host = await startHost({ limits: SHORT, ...init }, { passes })
  passes.setOwn(testPass(host.self))
  stop.push(() => host.stop())
  return { host, passes }
}

const providers = async (host: Libp2pHost) => {
  const found = []
  for await (const peer of host.contentRouting?.findProviders(key) ?? []) found.push(peer.peer)
  return found
}

test('peers with passes let each other in, and stay connected', async (context) => {
  const [one, two] = [await hostWith(context), await hostWith(context)]
  one.host.introduce([])
  await one.host.open(addressOf(two.host))
  await until(() => one.passes.of(two.host.self) !== undefined && two.passes.of(one.host.self) !== undefined)
  await new Promise((resolve) => setTimeout(resolve, 1000))
  assert.equal([one.host.connections(), two.host.connections()], [1, 1])
})

test('a stranger is in no table, finds nothing, announces nothing, and is soon cut off', async (context) => {
  const { log, lines } = recordingLog()
  const [a, b, c] = await startDht(3, () => ({ limits: SHORT }), { log })
  assert.ok(a && b && c)
  const dropped = (peer: PeerKey) =>
    lines.some(
      ({ message, data }) => message === 'dropped a connection' && 'peer' in data && data.peer === peer,
    )
  context.stop.push(...[a, b, c].map((host) => () => host.stop()))
  await a.contentRouting?.provide(key)
  assert.equal(await providers(b), [a.self])
  for (const pass of ['no pass', testPass('somebody else'), testPass('somebody', { exp: 1, iat: 0 })]) {
    const limits = { dhtQueryTimeoutMs: 2000 }
    const stranger = await Outsider.start({ pass, limits, dht: { bootstrap: [addressOf(a)] } })
    context.stop.push(() => stranger.stop())
    // not its number of connections: who shows what has ended is cut off within milliseconds
    await until(() => dropped(stranger.host.self))
    const failed = await failureOf(stranger.host.contentRouting?.provide(key) ?? Promise.resolve())
    assert.ok(['E_UNREACHABLE', 'E_TIMEOUT'].includes(failed.code ?? ''), failed.code)
    await until(() => !a.peers().includes(stranger.host.self))
    assert.not([a, b, c].some((host) => host.dhtPeers().includes(stranger.host.self)))
    assert.equal(await providers(c), [a.self])
  }
})

test('a connection in which nobody shows a pass ends after a while', async (context) => {
  const { host } = await hostWith(context)
  const silent = await startHost({}, { passes: mute() })
  context.stop.push(() => silent.stop())
  const channel = await silent.open(addressOf(host))
  assert.is(host.connections(), 1)
  await until(() => host.connections() === 0)
  assert.is((await failureOf(channel.drained())).code, 'E_UNREACHABLE')
})

/** Has a pass, so that it may dial, and takes it back before it can be shown. */
function mute(): PassBook {
  const passes = testBook({ clock: systemClock })
  let asked = 0
  passes.own = () => (asked++ < 3 ? 'a pass' : undefined)
  return passes
}

test('without a pass of its own a host neither dials nor is dialled', async (context) => {
  const [one, two] = [await hostWith(context), await hostWith(context)]
  one.passes.setOwn(undefined)
  assert.is((await failureOf(one.host.open(addressOf(two.host)))).code, 'E_UNREACHABLE')
  await two.host.open(addressOf(one.host)).catch(() => {})
  await until(() => two.host.connections() === 0)
  assert.is(one.host.connections(), 0)
})

test('whoever loses its pass ends its connections', async (context) => {
  const [one, two] = [await hostWith(context), await hostWith(context)]
  await one.host.open(addressOf(two.host))
  await until(() => two.passes.of(one.host.self) !== undefined)
  one.passes.setOwn(undefined)
  await until(() => one.host.connections() === 0 && two.host.connections() === 0)
})

test('a connection ends with the pass of its peer, and a newer pass keeps it', async (context) => {
  const [one, two, three] = [await hostWith(context), await hostWith(context), await hostWith(context)]
  const soon = Math.floor(Date.now() / 1000) + 3
  for (const { host, passes } of [one, two]) passes.setOwn(testPass(host.self, { exp: soon }))
  await one.host.open(addressOf(three.host))
  await two.host.open(addressOf(three.host))
  await until(() => [one, two].every(({ host }) => three.passes.of(host.self)?.exp === soon))
  await new Promise((resolve) => setTimeout(resolve, 1100))
  two.passes.setOwn(testPass(two.host.self))
  await until(() => (three.passes.of(two.host.self)?.exp ?? 0) > soon)
  await until(() => !three.host.peers().includes(one.host.self))
  assert.ok(Date.now() >= soon * 1000)
  assert.ok(three.host.peers().includes(two.host.self))
})

test('strangers never take all places', async (context) => {
  const { host } = await hostWith(context, { limits: { passTimeoutMs: 20_000, strangersMax: 3 } })
  const strangers = await Promise.all(Array.from({ length: 5 }, () => startHost({}, { passes: mute() })))
  context.stop.push(...strangers.map((one) => () => one.stop()))
  for (const stranger of strangers) await stranger.open(addressOf(host)).catch(() => {})
  await until(() => host.connections() <= 3)
  const friend = await hostWith(context)
  await friend.host.open(addressOf(host))
  await until(() => host.peers().includes(friend.host.self) && friend.host.connections() === 1)
})

test.run()
