import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { announceOne } from '../../src/api/announce-one.ts'
import type { JoinAnswer } from '../../src/api/swarm-schemas.ts'
import type { TrackerClient } from '../../src/api/tracker-client.ts'
import { Bitmap } from '../../src/core/bitmap.ts'
import { digestOf, type ManifestId, manifestIdOf, parseManifestId } from '../../src/core/cid.ts'
import { systemClock } from '../../src/core/clock.ts'
import { GrantError } from '../../src/core/errors.ts'
import { GRANT_TYPE } from '../../src/core/grant.ts'
import { silentLog } from '../../src/core/log.ts'
import { decodeManifest, runCount } from '../../src/core/manifest.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import { Exchange } from '../../src/exchange/exchange.ts'
import { type Identity, loadIdentity } from '../../src/identity/identity-files.ts'
import { signJws } from '../../src/identity/jws.ts'
import { importImage } from '../../src/image/import.ts'
import { openSource } from '../../src/image/source.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Testnet } from '../../testnet/handles.ts'
import { careless } from '../../testnet/hostile/careless.ts'
import { type Enrolled, enrolByHand } from '../../testnet/hostile/enrol.ts'
import { lyingStore } from '../../testnet/hostile/lying-store.ts'
import { TRACKER_NAME } from '../../testnet/layout.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { inlineVerifier } from '../fixtures/exchange-peers.ts'
import { Outsider } from '../fixtures/outsider.ts'
import { assertExportIs, pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const REFERENCE = 'site/disk:v1'
const OTHER = 'site/other:v1'

/** That of the nodes: nobody asks a peer elsewhere for what one beside it has. */
const RACK = { site: 'testnet', zone: 'zone-1', rack: 'rack-1' }

interface Context {
  dir: string
  image: string
  testnet: Testnet
  clients: TrackerClient[]
  outsider: Outsider
  /** The tracker's peer and the node, both complete. */
  servers: PeerAddress[]
  joined: JoinAnswer
  other: JoinAnswer
}

const test = suite<Context>('hostile peers')

/** A node of the testnet that keeps to no rule. */
interface Hostile extends Enrolled {
  readonly client: TrackerClient
  readonly identity: Identity
  enter(reference: string): Promise<JoinAnswer>
}

async function hostile(context: Context, name: string): Promise<Hostile> {
  const client = await context.testnet.tracker.clientAs('node', name)
  context.clients.push(client)
  const dn = `/O=Testnet/OU=nodes/CN=${name}`
  const enrolled = await enrolByHand(client, { dn, tracker: TRACKER_NAME, labels: RACK })
  const { peer } = enrolled
  const enter = (reference: string) => client.join({ reference, peer, addresses: ['/ip4/127.0.0.1/tcp/1'] })
  const identity = await loadIdentity(context.testnet.layout.identity(name))
  return { ...enrolled, client, enter, identity }
}

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-hostile-'))
  // Others are slow enough that a pull does not end before it has asked the hostile.
  const config = { exchange: { rates: { uploadBytesPerSecond: '4 MiB' } } }
  context.testnet = await createTestnet({ nodes: 2, config: { tracker: config, nodes: { 0: config } } })
  const { testnet, dir } = context
  context.image = join(dir, 'disk.img')
  await writeDiskImage(context.image, 24 * MiB)
  await pushImage(testnet, context.image, REFERENCE)
  const small = join(dir, 'other.img')
  await writeDiskImage(small, 2 * MiB)
  await pushImage(testnet, small, OTHER)
  const node = testnet.nodes[0]
  assert.ok(node)
  await withNode(node, (client) => client.pull(REFERENCE))
  context.clients = []
  const self = await hostile(context, 'outsider')
  context.outsider = await Outsider.start(self)
  context.joined = await self.enter(REFERENCE)
  context.other = await self.enter(OTHER)
  context.servers = context.joined.peers.filter(
    ({ peer }) => peer === node.peer || peer === testnet.tracker.peer,
  )
  assert.is(context.servers.length, 2)
})

test.after(async ({ dir, testnet, outsider, clients }) => {
  for (const client of clients) await client.close()
  await outsider.stop()
  await testnet.destroy()
  await rm(dir, { recursive: true })
})

const nowS = () => Math.floor(Date.now() / 1000)

/** What should be refused, with the reason that the refusal must not tell. */
async function badGrants(context: Context): Promise<[string, ManifestId, string][]> {
  const { testnet, outsider, joined, other } = context
  const peer = outsider.host.self
  const { manifest } = joined
  const claims = { sub: '/CN=x', node: 'x', peer, manifest, iat: nowS() - 100, exp: nowS() + 100 }
  const sign = async (name: string, more: object) =>
    signJws(await loadIdentity(testnet.layout.identity(name)), { ...claims, ...more }, { typ: GRANT_TYPE })
  const theirs = (await (await hostile(context, 'somebody')).enter(REFERENCE)).grant
  const unknown = manifestIdOf(digestOf(new Uint8Array(1)))
  return [
    ['no grant', manifest, ''],
    ['nonsense', manifest, 'a.b.c'],
    ["somebody else's", manifest, theirs],
    ['for another manifest', manifest, other.grant],
    ['expired', manifest, await sign('tracker', { iat: nowS() - 1000, exp: nowS() - 1 })],
    ['not yet valid', manifest, await sign('tracker', { iat: nowS() + 1000, exp: nowS() + 2000 })],
    ['signed by a node', manifest, await sign('node-1', {})],
    ['signed by a user', manifest, await sign('publisher', {})],
    ['of another type', manifest, joined.record],
    ['of a manifest that nobody has', unknown, await sign('tracker', { manifest: unknown })],
  ]
}

test('without a grant for it, this peer and now, a peer gets no block and no hint', async (context) => {
  const { outsider, servers } = context
  for (const [what, manifest, grant] of await badGrants(context)) {
    for (const server of servers) {
      const connection = await outsider.connect(server)
      const before = connection.wireReceivedBytes
      try {
        await connection.open(manifest, grant)
        assert.unreachable(`${what}: admitted`)
      } catch (error) {
        assert.instance(error, GrantError, `${what}: ${error}`)
      }
      assert.is(connection.wireReceivedBytes - before, 10, `${what}: the same few bytes for every reason`)
      const want = connection.want({ id: 1, run: 0, missing: new Uint8Array([1]) })
      await rejects(want.answer, 'E_NOT_FOUND')
      await rejects(connection.node(1, parseManifestId(manifest)), 'E_NOT_FOUND')
      await connection.close()
    }
  }
})

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.is((error as { code?: string } | undefined)?.code, code)
}

test('with a grant it gets blocks of that manifest and of no other', async ({
  outsider,
  servers,
  joined,
  other,
}) => {
  for (const server of servers) {
    const connection = await outsider.connect(server)
    const opened = await connection.open(joined.manifest, joined.grant)
    assert.ok(opened.runs > 0)
    const { id } = opened
    const { answer } = connection.want({ id, run: 0, missing: new Uint8Array([1]) })
    assert.is((await answer).entries.length, 1)
    assert.ok((await connection.node(id, parseManifestId(joined.manifest))).length > 0)
    await rejects(connection.node(id, parseManifestId(other.manifest)), 'E_NOT_FOUND')
    await rejects(
      connection.want({ id, run: opened.runs, missing: new Uint8Array([1]) }).answer,
      'E_NOT_FOUND',
    )
    await connection.close()
  }
})

/** An exchange that claims the whole image and sends other bytes than the digests say. */
async function startLiar(context: Context) {
  const { image } = context
  const self = await hostile(context, 'liar')
  const blocks = new MemoryStore()
  const { manifestId } = await importImage({ sink: blocks }, { source: await openSource(image) })
  const [root] = await blocks.get([parseManifestId(manifestId)])
  assert.ok(root)
  const manifest = decodeManifest(root.bytes)
  const outsider = await Outsider.start(self)
  const { host, carrier } = outsider
  const exchange = new Exchange(
    {
      ...{ carrier, blocks: lyingStore(blocks), nodes: blocks, verifier: inlineVerifier },
      ...{ clock: systemClock, log: silentLog, random: Math.random, graceS: () => 0 },
      admission: careless(self.pass),
      verifyGrant: async (token) =>
        JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()),
    },
    { origin: false, agent: 'liar' },
  )
  await exchange.start()
  exchange.addSwarm(manifestId, manifest, Bitmap.full(runCount(manifest)))
  const runs = runCount(manifest)
  const place = { peer: host.self, addresses: host.addresses() }
  await announceOne(self.client, { ...place, swarm: { manifest: manifestId, runs } })
  const stop = async () => {
    await exchange.stop()
    await outsider.stop()
  }
  return { host, stop }
}

test('a peer that sends wrong bytes is dropped, the pull completes, nothing wrong is on disk', async (context) => {
  const { testnet, image } = context
  const liar = await startLiar(context)
  try {
    const node = testnet.nodes[1]
    assert.ok(node)
    const result = await withNode(node, (client) => client.pull(REFERENCE))
    assert.equal(result.corruptPeers, [liar.host.self])
    const verified = await withNode(node, (client) => client.verify())
    assert.is(verified.corrupt, 0)
    await assertExportIs(node, REFERENCE, image)
  } finally {
    await liar.stop()
  }
})

test.run()
