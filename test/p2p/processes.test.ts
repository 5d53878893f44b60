import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UnreachableError } from '../../src/core/errors.ts'
import type { HostInit, Libp2pHost } from '../../src/p2p/libp2p-host.ts'
import { countBytes, forkPeer, type PeerProcess, startHost, until } from '../fixtures/hosts.ts'

const MiB = 1024 * 1024

interface Context {
  own: (init?: Partial<HostInit>) => Promise<Libp2pHost>
  other: (behaviour: string) => Promise<PeerProcess>
  destroy: (() => Promise<void>)[]
}

const test = suite<Context>('hosts in processes of their own')

test.before.each((context) => {
  context.destroy = []
  context.own = async (init) => {
    const host = await startHost(init)
    context.destroy.push(() => host.stop())
    return host
  }
  context.other = async (behaviour) => {
    const peer = await forkPeer(behaviour)
    context.destroy.push(() => peer.kill())
    return peer
  }
})

test.after.each(async (context) => {
  for (const destroy of context.destroy.reverse()) await destroy()
})

test('moves a bulk of bytes', async ({ own, other }) => {
  const [host, peer] = [await own(), await other('drain')]
  const channel = await host.open(peer.address)
  const piece = new Uint8Array(MiB)
  for (let sent = 0; sent < 64; sent++) if (!channel.send(piece)) await channel.drained()
  await channel.close()
  assert.is(await countBytes(channel), 0)
  assert.equal(await peer.next(), { bytes: 64 * MiB })
})

test('holds a sender back while the receiver does not read', async ({ own, other }) => {
  const [host, peer] = [await own(), await other('slow')]
  const channel = await host.open(peer.address)
  await peer.next()
  const piece = new Uint8Array(256 * 1024)
  let sentBytes = 0
  const sending = (async () => {
    for (; sentBytes < 64 * MiB; sentBytes += piece.byteLength)
      if (!channel.send(piece)) await channel.drained()
    await channel.close()
  })()
  await untilStill(() => sentBytes)
  assert.ok(sentBytes < 12 * MiB, `${sentBytes} bytes were accepted for a reader that does not read`)
  peer.tell('read')
  await sending
  const report = await peer.next()
  assert.is(report['bytes'], 64 * MiB)
})

test('cuts a channel off whose sender ignores the queue', async ({ own, other }) => {
  const [host, peer] = [await own(), await other('slow')]
  const channel = await host.open(peer.address)
  const piece = new Uint8Array(MiB)
  let sent = 0
  while (sent < 64) {
    channel.send(piece)
    sent++
    await new Promise((resolve) => setImmediate(resolve))
  }
  const error = await failureOf(channel.drained())
  assert.is((error as { code?: string }).code, 'E_LIMIT')
})

test('breaks at once when the other process is killed', async ({ own, other }) => {
  const [host, peer] = [await own(), await other('silent')]
  const channel = await host.open(peer.address)
  const failure = failureOf(countBytes(channel))
  const startMs = performance.now()
  await peer.kill()
  assert.instance(await failure, UnreachableError)
  assert.ok(performance.now() - startMs < 5_000)
})

test('breaks a sender that waits when the other process is killed', async ({ own, other }) => {
  const [host, peer] = [await own(), await other('slow')]
  const channel = await host.open(peer.address)
  let room = true
  while (room) room = channel.send(new Uint8Array(MiB))
  const failure = failureOf(channel.drained())
  await peer.kill()
  assert.instance(await failure, UnreachableError)
})

test('notices a process that stands still', async ({ own, other }) => {
  const host = await own({ limits: { pingIntervalMs: 200, pingTimeoutMs: 700 } })
  const peer = await other('silent')
  const channel = await host.open(peer.address)
  const failure = failureOf(countBytes(channel))
  peer.child.kill('SIGSTOP')
  assert.instance(await failure, UnreachableError)
  await until(() => host.connections() === 0)
})

/** Resolves when a figure has not changed for half a second. */
async function untilStill(figure: () => number): Promise<void> {
  for (let last = -1; last !== figure(); ) {
    last = figure()
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('should have failed')
}

test.run()
