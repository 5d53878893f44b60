import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import { checkPass, PASS_TYPE, parsePass } from '../../../src/core/pass.ts'
import { verifyJws } from '../../../src/identity/jws.ts'
import { peerOfKey, signPeerProof } from '../../../src/identity/peer-proof.ts'
import { enrolByHand } from '../../../testnet/hostile/enrol.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { newPeerKey } from '../../fixtures/hosts.ts'
import { HttpsCaller } from '../../fixtures/https-caller.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  admin: TrackerClient
  alice: TrackerClient
}
const test = suite<Context>('node routes')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const { site } = context
  context.tracker = await site.start()
  context.admin = site.client(context.tracker.url, await site.user('admin'))
  context.alice = site.client(context.tracker.url, await site.user('alice'))
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const nowS = () => Math.floor(Date.now() / 1000)
const codeOf = async (promise: Promise<unknown>) => (await failureOf(promise)).code

/** A body that enrols a new peer, with the claims of its proof changed by `more`. */
async function bodyFor(dn: string, more: { dn?: string; aud?: string; iat?: number } = {}) {
  const key = await newPeerKey()
  const proof = await signPeerProof(key, { dn, aud: TRACKER_NAME, iat: nowS(), ...more })
  return { peer: peerOfKey(key), proof }
}

test('a node with a certificate for nodes is active at once, and has a pass for its peer', async (context) => {
  const { site, tracker, alice } = context
  const labels = { site: 'here', rack: 'a' }
  const { peer, pass, identity } = await site.node(tracker.url, 'active', { labels })
  const trusted = { trust: site.site.trust, nowMs: Date.now(), host: TRACKER_NAME }
  const claims = parsePass((await verifyJws(pass, { ...trusted, typ: PASS_TYPE })).claims)
  assert.equal([claims.node, claims.sub, claims.peer], ['active', identity.principal.dn, peer])
  assert.equal(claims.labels, labels)
  checkPass(claims, { peer, nowMs: Date.now(), graceS: 0 })
  assert.is(claims.exp - claims.iat, 300)
  const node = await alice.node('active')
  assert.equal([node.state, node.peer, node.labels], ['active', peer, labels])
  assert.is.not(node.seen, null)
})

test('passes are renewed for the enrolled peer and no other', async ({ site, tracker }) => {
  const { client, peer } = await site.node(tracker.url, 'renewing')
  const { pass, renewAfterSeconds } = await client.pass({ peer })
  assert.ok(pass.length > 0 && renewAfterSeconds > 0 && renewAfterSeconds < 300)
  assert.is(await codeOf(client.pass({ peer: peerOfKey(await newPeerKey()) })), 'E_CONFLICT')
})

test('nobody enrols a peer whose key it has not, or by an old or foreign proof', async ({
  site,
  tracker,
}) => {
  const identity = await site.site.issue({ kind: 'node', commonName: 'thief' })
  const client = site.client(tracker.url, identity)
  const { dn } = identity.principal
  const theirs = await site.node(tracker.url, 'owner')
  const own = await bodyFor(dn)
  assert.is(await codeOf(client.enrol({ ...own, peer: theirs.peer })), 'E_SIGNATURE')
  assert.is(await codeOf(client.enrol(await bodyFor(dn, { dn: theirs.identity.principal.dn }))), 'E_INVALID')
  assert.is(await codeOf(client.enrol(await bodyFor(dn, { aud: 'tracker.elsewhere' }))), 'E_INVALID')
  assert.is(await codeOf(client.enrol(await bodyFor(dn, { iat: nowS() - 400 }))), 'E_INVALID')
  assert.is(await codeOf(client.pass({ peer: theirs.peer })), 'E_NOT_AUTHORISED')
})

test('one peer is one node: nobody takes the peer or the name of another', async ({ site, tracker }) => {
  const first = await site.node(tracker.url, 'first')
  const identity = await site.site.issue({ kind: 'node', commonName: 'second' })
  const client = site.client(tracker.url, identity)
  const init = { dn: identity.principal.dn, tracker: TRACKER_NAME }
  assert.is(await codeOf(enrolByHand(client, { ...init, privateKey: first.privateKey })), 'E_CONFLICT')
  const body = await bodyFor(init.dn)
  assert.is(await codeOf(client.enrol({ ...body, name: 'first' })), 'E_CONFLICT')
  assert.is(await codeOf(client.enrol({ ...body, name: 'pass' })), 'E_INVALID')
})

test('a name that the certificate does not have waits for an admin', async ({ site, tracker, admin }) => {
  const identity = await site.site.issue({ kind: 'node', commonName: 'plain' })
  const client = site.client(tracker.url, identity)
  const answer = await client.enrol({ ...(await bodyFor(identity.principal.dn)), name: 'golden' })
  assert.equal([answer.node.name, answer.node.state, answer.pass], ['golden', 'pending', undefined])
  assert.is(await codeOf(client.pass({ peer: answer.node.peer })), 'E_NOT_AUTHORISED')
  assert.is((await admin.changeNode('golden', { state: 'active' })).state, 'active')
  assert.ok((await client.pass({ peer: answer.node.peer })).pass)
})

test('a host that was installed again has another key, and the old one is nobody', async ({
  site,
  tracker,
}) => {
  const before = await site.node(tracker.url, 'host')
  const { identity, client } = before
  const init = { dn: identity.principal.dn, tracker: TRACKER_NAME }
  const after = await enrolByHand(client, init)
  assert.is.not(after.peer, before.peer)
  assert.is(await codeOf(client.pass({ peer: before.peer })), 'E_CONFLICT')
  assert.ok((await client.pass({ peer: after.peer })).pass)
})

test('a revoked node gets nothing, also not by enrolling again, until an admin takes it back', async (context) => {
  const { site, tracker, admin } = context
  const { client, peer, identity } = await site.node(tracker.url, 'bad')
  assert.is((await admin.changeNode('bad', { state: 'revoked' })).state, 'revoked')
  assert.is(await codeOf(client.pass({ peer })), 'E_NOT_AUTHORISED')
  const again = await client.enrol(await bodyFor(identity.principal.dn))
  assert.equal([again.node.state, again.pass], ['revoked', undefined])
  // Forgotten, it would be let in as if it had never been here.
  assert.is(await codeOf(admin.removeNode('bad')), 'E_STATE')
  const addresses = ['/ip4/127.0.0.1/tcp/1']
  assert.is(await codeOf(client.join({ reference: 'a/b', peer, addresses })), 'E_NOT_AUTHORISED')
  await admin.changeNode('bad', { state: 'active' })
  assert.ok((await client.pass({ peer: again.node.peer })).pass)
})

test('labels that an admin has set stay, whatever the node says', async ({ site, tracker, admin }) => {
  const { client, privateKey, identity } = await site.node(tracker.url, 'labelled', { labels: { rack: 'a' } })
  await admin.changeNode('labelled', { labels: { rack: 'b' } })
  const init = { dn: identity.principal.dn, tracker: TRACKER_NAME, privateKey, labels: { rack: 'c' } }
  const { pass } = await enrolByHand(client, init)
  const trusted = { trust: site.site.trust, nowMs: Date.now(), host: TRACKER_NAME }
  const { labels } = parsePass((await verifyJws(pass, { ...trusted, typ: PASS_TYPE })).claims)
  assert.equal(labels, { rack: 'b' })
})

test('users are no nodes, and nodes are no users', async ({ site, tracker, alice }) => {
  const dn = '/O=Example/OU=users/CN=alice'
  await alice.whoami()
  assert.is(await codeOf(alice.enrol(await bodyFor(dn))), 'E_CONFLICT')
  assert.is(await codeOf(alice.pass({ peer: peerOfKey(await newPeerKey()) })), 'E_NOT_AUTHORISED')
  const carol = await site.user('carol')
  const waiting = await site.client(tracker.url, carol).enrol(await bodyFor(carol.principal.dn))
  assert.is(waiting.node.state, 'pending', 'no certificate for nodes, and made no user by asking')
  const { client } = await site.node(tracker.url, 'curious')
  assert.is(await codeOf(client.nodes()), 'E_NOT_AUTHORISED')
  assert.is((await client.node('curious')).name, 'curious')
  assert.is(await codeOf(client.node('active')), 'E_NOT_AUTHORISED')
})

test('only admins approve, revoke, label and remove', async ({ site, tracker, admin, alice }) => {
  const { client } = await site.node(tracker.url, 'subject')
  for (const other of [alice, client]) {
    assert.is(await codeOf(other.changeNode('subject', { state: 'revoked' })), 'E_NOT_AUTHORISED')
    assert.is(await codeOf(other.changeNode('subject', { labels: {} })), 'E_NOT_AUTHORISED')
    assert.is(await codeOf(other.removeNode('subject')), 'E_NOT_AUTHORISED')
  }
  assert.is(await codeOf(admin.changeNode('nobody', { state: 'active' })), 'E_NOT_FOUND')
  await admin.removeNode('subject')
  assert.is(await codeOf(admin.node('subject')), 'E_NOT_FOUND')
  assert.is(await codeOf(admin.removeNode('subject')), 'E_NOT_FOUND')
})

test('what enrolling changes is in the audit log, and what it does not change is not', async (context) => {
  const { site, tracker } = context
  const { client, privateKey, identity, peer } = await site.node(tracker.url, 'audited')
  const init = { dn: identity.principal.dn, tracker: TRACKER_NAME }
  for (let i = 0; i < 3; i++) await enrolByHand(client, { ...init, privateKey })
  const after = await enrolByHand(client, init)
  const caller = new HttpsCaller({ url: tracker.url, site, identity: await site.user('admin') })
  const path = `${TRACKER_PATHS.audit}?action=nodes.enrol`
  const { lines } = JSON.parse((await caller.call({ method: 'GET', path })).body.toString())
  caller.close()
  const ours = lines.filter(({ asker }: { asker: string }) => asker === 'audited')
  assert.equal(
    ours.map(({ target }: { target: { peer: string } }) => target.peer),
    [after.peer, peer],
  )
})

test('lists nodes by state, a page at a time', async ({ admin, alice }) => {
  const all = (await alice.nodes()).map(({ name }) => name)
  assert.equal(all, [...all].sort())
  const [first = '', second = ''] = all
  assert.equal(
    (await alice.nodes({ after: first, limit: 1 })).map(({ name }) => name),
    [second],
  )
  await admin.changeNode(first, { state: 'revoked' })
  assert.equal(
    (await alice.nodes({ state: 'revoked' })).map(({ name }) => name),
    [first],
  )
})

test.run()
