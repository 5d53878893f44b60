import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { KnownPeers } from '../../node/known-peers.ts'
import { KNOWN_PEERS_MAX, KNOWN_PEERS_SAVE_MS, KNOWN_PEERS_SOON_MS } from '../../src/core/limits.ts'
import { silentLog } from '../../src/core/log.ts'
import type { PeerAddress, PeerKey } from '../../src/core/router.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite<{ dir: string; path: string }>('known peers')

test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bootswarm-known-'))
  context.path = join(context.dir, 'peers.json')
})
test.after.each(({ dir }) => rm(dir, { recursive: true }))

const peerOf = (n: number): PeerAddress => ({
  peer: `12D3KooWMarpsTSg2x5RRcCWyCktySe6Nq3R${n}` as PeerKey,
  addresses: [`/ip4/10.0.0.1/tcp/${n}`],
})

function knownAt(path: string, connected: PeerAddress[] = []) {
  const introduced: PeerAddress[] = []
  const clock = new FakeClock()
  const host = {
    introduce: (peers: readonly PeerAddress[]) => void introduced.push(...peers),
    dhtAddresses: async () => [...connected, ...introduced],
  }
  return { known: new KnownPeers({ host, clock, log: silentLog }, { path }), clock, introduced }
}

test('peers of one run are introduced to the next, also when it was killed', async ({ path }) => {
  const { known, clock } = knownAt(path, [peerOf(1), peerOf(2)])
  await known.start()
  await clock.advance(KNOWN_PEERS_SAVE_MS)
  for (let text = ''; text === ''; ) text = await readFile(path, 'utf8').catch(() => '')
  assert.is((await stat(path)).mode & 0o777, 0o600)
  const next = knownAt(path)
  await next.known.start()
  assert.equal(next.introduced, [peerOf(1), peerOf(2)])
  await next.known.stop()
  assert.is(JSON.parse(await readFile(path, 'utf8')).length, 2, 'who meets nobody forgets nobody')
  await known.stop()
})

test('a peer that is met is remembered at once, while few are', async ({ path }) => {
  const { known, clock } = knownAt(path)
  await known.start()
  known.met([peerOf(1)])
  await clock.advance(0)
  for (let text = ''; text === ''; ) text = await readFile(path, 'utf8').catch(() => '')
  assert.equal(await known.peers(), [peerOf(1)])
  const { mtimeNs: firstNs } = await stat(path, { bigint: true })
  known.met([peerOf(2)])
  await clock.advance(KNOWN_PEERS_SOON_MS - 1)
  assert.is((await stat(path, { bigint: true })).mtimeNs, firstNs, 'not more often than so')
  await clock.advance(1)
  for (let text = ''; !text.includes(peerOf(2).peer); ) text = await readFile(path, 'utf8')
  assert.is(clock.pending, 1)
  await known.stop()
  assert.is(clock.pending, 0)

  const many = Array.from({ length: KNOWN_PEERS_MAX }, (_, n) => peerOf(n))
  await writeFile(path, JSON.stringify(many))
  const next = knownAt(path)
  await next.known.start()
  const { mtimeNs } = await stat(path, { bigint: true })
  next.known.met([peerOf(99)])
  await next.clock.advance(KNOWN_PEERS_SOON_MS)
  assert.is((await stat(path, { bigint: true })).mtimeNs, mtimeNs)
  await next.known.stop()
})

test('remembers so many', async ({ path }) => {
  const { known } = knownAt(
    path,
    Array.from({ length: 100 }, (_, n) => peerOf(n)),
  )
  await known.start()
  await known.stop()
  assert.is(JSON.parse(await readFile(path, 'utf8')).length, KNOWN_PEERS_MAX)
})

test('a file that says something else is as none', async ({ path }) => {
  for (const text of ['', '{', '{"peers":1}', '[{"peer":"short","addresses":[]}]', '[{"peer":7}]']) {
    await writeFile(path, text)
    const { known, introduced } = knownAt(path)
    await known.start()
    assert.equal(introduced, [])
    await known.stop()
  }
})

test.run()
