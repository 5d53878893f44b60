import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { DELEGATION_TYPE } from '../../../src/core/delegation.ts'
import { TRUST_POLL_MS } from '../../../src/core/limits.ts'
import { silentLog } from '../../../src/core/log.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import { signJws } from '../../../src/identity/jws.ts'
import { peerOfKey, signPeerProof } from '../../../src/identity/peer-proof.ts'
import { startTracker, type Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { newPeerKey } from '../../fixtures/hosts.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { makeProxy } from '../../fixtures/make-proxy.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker | undefined }>('nodes of a site')
const addresses = ['/ip4/10.0.0.1/tcp/4002']

test.before.each(async (context) => {
  context.site = await TrackerSite.create()
})
test.after.each(async ({ site, tracker }) => {
  await tracker?.stop()
  await site.remove()
})

async function startIn(context: { site: TrackerSite; tracker: Tracker | undefined }, mode: string) {
  context.tracker = await context.site.start({ more: `nodes: { enrolment: ${mode} }\n` })
  return context.tracker
}

/** Enrols a new peer; what the tracker says of it. */
async function enrol(client: TrackerClient, { principal }: Identity): Promise<string> {
  const key = await newPeerKey()
  const iat = Math.floor(Date.now() / 1000)
  const proof = await signPeerProof(key, { dn: principal.dn, aud: TRACKER_NAME, iat })
  const answer = await client.enrol({ peer: peerOfKey(key), proof })
  assert.is(answer.pass !== undefined, answer.node.state === 'active')
  return answer.node.state
}

/** Certificates of a node, and one that says nothing of what it is for. */
async function identities(site: TrackerSite) {
  const machine = await site.site.issue({ kind: 'node', commonName: 'hv1' })
  const plain = await site.site.issue({ kind: 'user', commonName: 'hv2' })
  return { machine, plain }
}

for (const [mode, machineState, plainState] of [
  ['machines', 'active', 'pending'],
  ['approve', 'pending', 'pending'],
  ['open', 'active', 'active'],
] as const) {
  test(`enrolment ${mode}: a certificate for nodes is ${machineState}, another one ${plainState}`, async (context) => {
    const { site } = context
    const { url } = await startIn(context, mode)
    const { machine, plain } = await identities(site)
    assert.is(await enrol(site.client(url, machine), machine), machineState)
    assert.is(await enrol(site.client(url, plain), plain), plainState)
  })
}

test('another key of an approved node waits again where nobody is active at once', async (context) => {
  const { site } = context
  const { url } = await startIn(context, 'approve')
  const { machine } = await identities(site)
  const [client, admin] = [site.client(url, machine), site.client(url, await site.user('admin'))]
  assert.is(await enrol(client, machine), 'pending')
  await admin.changeNode('hv1', { state: 'active' })
  assert.is(await enrol(client, machine), 'pending')
})

test('proxies and certificates of trackers are no nodes', async (context) => {
  const { site } = context
  const { url } = await startIn(context, 'open')
  const { machine } = await identities(site)
  const proxy = await makeProxy(machine)
  const tracker = await site.site.issue({ kind: 'tracker', commonName: 'other.testnet' })
  for (const identity of [proxy, tracker]) {
    const error = await failureOf(enrol(site.client(url, identity), identity))
    assert.is(error.code, 'E_NOT_AUTHORISED')
  }
  assert.is(await enrol(site.client(url, machine), machine), 'active')
  const asProxy = await failureOf(site.client(url, proxy).swarms())
  assert.match(asProxy.message, /not with a proxy/)
})

test('a node that is removed loses what ACLs gave it, and may come again', async (context) => {
  const { site } = context
  context.tracker = await site.start({ more: 'namespaces: { nodesRead: false }\n' })
  const { url } = context.tracker
  const [alice, admin] = [
    site.client(url, await site.user('alice')),
    site.client(url, await site.user('admin')),
  ]
  const image = testImage({ seed: 'removed', blocks: 3 })
  await pushImage(alice, image, { to: 'alice/disk' })
  const entry = { kind: 'node', subject: 'hv1', right: 'read' } as const
  const first = await site.node(url, 'hv1')
  await alice.signed.changeAcl(imageKey('alice/disk'), { entry })
  const join = ({ client, peer }: Pick<typeof first, 'client' | 'peer'>) =>
    client.join({ reference: 'alice/disk', peer, addresses })
  assert.is((await join(first)).manifest, image.manifestId)
  await admin.removeNode('hv1')
  assert.is((await failureOf(join(first))).code, 'E_NOT_AUTHORISED')
  const again = await site.node(url, 'hv1')
  assert.is((await failureOf(join(again))).code, 'E_NOT_AUTHORISED')
  assert.equal((await alice.signed.acl(imageKey('alice/disk'))).entries, [])
})

test('a revocation list takes passes from a node, and what a user has lent', async (context) => {
  const { site } = context
  const clock = new FakeClock(Date.now())
  const path = join(site.dir, 'ca.crl')
  await writeFile(path, site.site.crl())
  const config = site.config('namespaces: { nodesRead: false }\n')
  const identity = { ...config.identity, crl: path, crlRequired: true }
  context.tracker = await startTracker({ log: silentLog, clock }, { ...config, identity })
  const { url } = context.tracker
  const owner = await site.user('alice')
  const alice = site.client(url, owner)
  const image = testImage({ seed: 'listed', blocks: 3 })
  await pushImage(alice, image, { to: 'alice/disk' })
  const [one, two] = [await site.node(url, 'hv1'), await site.node(url, 'hv2')]
  const iat = Math.floor(clock.now() / 1000)
  const lend = (node: string) =>
    signJws(
      owner,
      { node, ...imageKey('alice/disk'), aud: TRACKER_NAME, iat, exp: iat + 3600 },
      { typ: DELEGATION_TYPE },
    )
  const enter = async ({ client, peer, identity: { principal } }: typeof one) =>
    await client.join({ reference: 'alice/disk', peer, addresses, delegation: await lend(principal.dn) })
  await one.client.pass({ peer: one.peer })
  await enter(two)
  await writeFile(path, site.site.crl(one.identity, owner))
  await clock.advance(TRUST_POLL_MS)
  await refusedSoon(() => one.client.pass({ peer: one.peer }), /has revoked it/)
  await refusedSoon(() => enter(two), /has revoked it/)
})

/** The tracker reads its files in the background. */
async function refusedSoon(ask: () => Promise<unknown>, message: RegExp): Promise<void> {
  for (let i = 0; i < 500; i++) {
    const error = await failureOf(ask()).catch(() => undefined)
    if (error !== undefined) return assert.match(error.message, message)
    await sleep(10)
  }
  assert.unreachable('it goes on giving')
}

test.run()
