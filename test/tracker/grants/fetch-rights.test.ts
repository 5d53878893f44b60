import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import { DELEGATION_TYPE } from '../../../src/core/delegation.ts'
import type { Grant } from '../../../src/core/grant.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import { signJws } from '../../../src/identity/jws.ts'
import { AccessControl } from '../../../tracker/access/access-control.ts'
import type { NodeAsker } from '../../../tracker/access/asker.ts'
import { Askers } from '../../../tracker/access/askers.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { FetchRights } from '../../../tracker/grants/fetch-rights.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { Site } from '../../fixtures/site.ts'

const test = suite<Context>('what nodes may fetch')
const KEY = imageKey('alice/disk')
const MANIFEST = manifestIdOf(digestOf(Buffer.from('image')))
const OTHER = manifestIdOf(digestOf(Buffer.from('other')))
const author = '/CN=test'

interface Context {
  dir: string
  clock: FakeClock
  catalog: Catalog
  rights: FetchRights
  node: NodeAsker
  alice: Identity
  bob: Identity
  /** Signs that the node may fetch what this user may. */
  delegate(user: Identity, more?: object): Promise<string>
}

test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-rights-'))
  const clock = new FakeClock(Date.now())
  const site = await Site.create()
  const catalog = await openTestCatalog({ dir: context.dir, clock, nodesRead: false })
  const askers = new Askers(
    { ...catalog, clock, authenticate: () => assert.unreachable() as never, isTracker: () => false },
    { onFirstContact: 'refuse' },
  )
  const access = new AccessControl({ ...catalog, clock }, { openNamespaces: false })
  const rights = new FetchRights(
    { catalog, access, askers, trust: site.trust, clock },
    { audience: new Set(['tracker.testnet']) },
  )
  const [alice, bob] = [
    await site.issue({ kind: 'user', commonName: 'alice' }),
    await site.issue({ kind: 'user', commonName: 'bob' }),
  ]
  Object.assign(context, { clock, catalog, rights, alice, bob })
  for (const [name, { principal }] of [
    ['alice', alice],
    ['bob', bob],
  ] as const)
    await catalog.users.create({ name, dn: principal.dn, state: 'active', nowMs: clock.now() })
  await makeImage(context)
  context.node = await enrol(context, 'hv1')
  context.delegate = async (user, more = {}) => {
    const iat = Math.floor(clock.now() / 1000)
    const claims = { node: context.node.dn, ...KEY, aud: 'tracker.testnet', iat, exp: iat + 3600, ...more }
    return await signJws(user, claims, { typ: DELEGATION_TYPE })
  }
  const asker = await askers.nodeNamed(context.node.dn)
  assert.is(asker?.kind, 'node')
})

test.after.each(async ({ dir, catalog }) => {
  await catalog.close()
  await rm(dir, { recursive: true })
})

/** The image alice/disk, with one version. */
async function makeImage({ catalog, clock }: Context): Promise<void> {
  const alice = await catalog.users.byName('alice')
  assert.ok(alice)
  const nowMs = clock.now()
  const owner = { kind: 'user', id: alice.id, name: 'alice' } as const
  await catalog.namespaces.create(KEY.namespace, { owner, author, nowMs })
  await catalog.images.create(KEY, { owner, author, nowMs })
  const { id } = await catalog.images.get(KEY)
  const tracker = 'origin' as PeerKey
  const { upload } = await catalog.uploads.open(id, { principal: author, tracker, nowMs })
  const bytes = { size: 8192, contentBytes: 4096, sha256: null, runs: 1 }
  await catalog.images.addVersion({
    ...{ upload, tracker, manifest: MANIFEST, publisher: author, tags: [], nowMs },
    ...bytes,
  })
}

async function enrol({ catalog, clock }: Context, name: string): Promise<NodeAsker> {
  const dn = `/OU=nodes/CN=${name}`
  const peer = `peer-of-${name}` as PeerKey
  const { node } = await catalog.nodes.enrol({
    name,
    dn,
    peer,
    labels: {},
    fresh: 'active',
    nowMs: clock.now(),
  })
  const principal = {
    dn,
    commonName: name,
    notAfterMs: 1e15,
    fingerprint256: '',
    proxyDepth: 0,
    limited: false,
  }
  return { kind: 'node', principal, dn, name, peer: node.peer, labels: {}, admin: false }
}

const target = namespaceTarget(KEY.namespace)
const toNodes = { kind: 'group', subject: 'nodes', right: 'read' } as const
const codeOf = async (promise: Promise<unknown>) => (await failureOf(promise)).code

test('a node fetches what the namespace, the image or anybody lets it read', async ({
  catalog,
  rights,
  node,
}) => {
  assert.is(await codeOf(rights.image(node, KEY)), 'E_NOT_AUTHORISED')
  assert.is(await codeOf(rights.manifest(node, MANIFEST)), 'E_NOT_AUTHORISED')
  const image = imageTarget((await catalog.images.get(KEY)).uuid)
  const ways = [
    [target, toNodes],
    [target, { kind: 'node', subject: 'hv1', right: 'read' }],
    [image, toNodes],
    [image, { kind: 'node', subject: 'hv1', right: 'read' }],
    [image, { kind: 'anyone', subject: '', right: 'read' }],
  ] as const
  for (const [where, entry] of ways) {
    await catalog.acls.grant(where, entry, { author })
    assert.equal((await rights.image(node, KEY)).right, {})
    assert.equal((await rights.manifest(node, MANIFEST)).right, {})
    await catalog.acls.revoke(where, entry, { author })
    assert.is(await codeOf(rights.image(node, KEY)), 'E_NOT_AUTHORISED')
  }
})

test('entries for others are not for this node', async (context) => {
  const { catalog, rights, node } = context
  await enrol(context, 'hv2')
  await catalog.users.create({ name: 'hv1', dn: '/CN=hv1', state: 'active', nowMs: context.clock.now() })
  for (const entry of [
    { kind: 'node', subject: 'hv2', right: 'read' },
    { kind: 'user', subject: 'hv1', right: 'read' },
    { kind: 'group', subject: 'users', right: 'read' },
  ] as const)
    await catalog.acls.grant(target, entry, { author })
  assert.is(await codeOf(rights.image(node, KEY)), 'E_NOT_AUTHORISED')
})

test('a user who may read lends that to one node', async ({ rights, node, alice, delegate }) => {
  const delegation = await delegate(alice)
  assert.equal((await rights.image(node, KEY, delegation)).right, { user: 'alice' })
  assert.equal((await rights.manifest(node, MANIFEST, delegation)).right, { user: 'alice' })
  assert.is(await codeOf(rights.image({ ...node, dn: '/OU=nodes/CN=other' }, KEY, delegation)), 'E_GRANT')
})

test('a user lends no more than it has, and what it has ends with its account', async (context) => {
  const { catalog, rights, node, alice, bob, delegate, clock } = context
  assert.is(await codeOf(rights.image(node, KEY, await delegate(bob))), 'E_NOT_AUTHORISED')
  const shared = { kind: 'user', subject: 'bob', right: 'read' } as const
  await catalog.acls.grant(target, shared, { author })
  const fromBob = await delegate(bob)
  assert.equal((await rights.image(node, KEY, fromBob)).right, { user: 'bob' })
  await catalog.acls.revoke(target, shared, { author })
  assert.is(await codeOf(rights.image(node, KEY, fromBob)), 'E_NOT_AUTHORISED')
  const fromAlice = await delegate(alice)
  const user = await catalog.users.byName('alice')
  assert.ok(user)
  await setState(context, 'alice', 'suspended')
  assert.match((await failureOf(rights.image(node, KEY, fromAlice))).message, /suspended/i)
  await setState(context, 'alice', 'active')
  assert.ok(await rights.image(node, KEY, fromAlice))
  await clock.advance(3_600_000)
  assert.is(await codeOf(rights.image(node, KEY, fromAlice)), 'E_GRANT')
})

async function setState({ dir }: Context, name: string, state: string): Promise<void> {
  const db = new DatabaseSync(join(dir, 'catalog.sqlite'))
  db.prepare('update users set state = ? where name = ?').run(state, name)
  db.close()
}

test('what is not signed by a user for this tracker, image and time lends nothing', async (context) => {
  const { rights, node, alice, delegate } = context
  const stranger = await (await Site.create()).issue({ kind: 'user', commonName: 'alice' })
  const bad: [string, string][] = [
    ['', 'E_SIGNATURE'],
    ['a.b.c', 'E_SIGNATURE'],
    [await signJws(alice, {}, { typ: DELEGATION_TYPE }), 'E_GRANT'],
    [await signJws(alice, { node: node.dn }, { typ: 'bootswarm-grant+jwt' }), 'E_SIGNATURE'],
    [await delegate(alice, { aud: 'tracker.elsewhere' }), 'E_GRANT'],
    [await delegate(alice, { name: 'other' }), 'E_GRANT'],
    [await delegate(alice, { exp: Math.floor(Date.now() / 1000) + 100_000 }), 'E_GRANT'],
    [await delegate(stranger), 'E_CERTIFICATE'],
  ]
  for (const [delegation, code] of bad) {
    assert.is(await codeOf(rights.image(node, KEY, delegation)), code, delegation)
    assert.is(await codeOf(rights.manifest(node, MANIFEST, delegation)), 'E_NOT_AUTHORISED')
  }
})

test('a delegation is not needed where the node may read by itself, and then it does not matter', async (context) => {
  const { catalog, rights, node } = context
  await catalog.acls.grant(target, toNodes, { author })
  assert.equal((await rights.image(node, KEY, 'nonsense')).right, {})
})

test('a grant stands as long as node, user and right do', async (context) => {
  const { catalog, rights, node, clock } = context
  const nowMs = clock.now()
  const grant: Grant = { sub: node.dn, node: node.name, peer: node.peer, manifest: MANIFEST, iat: 1, exp: 2 }
  assert.not(await rights.stands(grant))
  assert.ok(await rights.stands({ ...grant, user: 'alice' }))
  await catalog.acls.grant(target, toNodes, { author })
  assert.ok(await rights.stands(grant))
  assert.not(await rights.stands({ ...grant, user: 'bob' }))
  assert.not(await rights.stands({ ...grant, user: 'nobody' }))
  assert.not(await rights.stands({ ...grant, peer: 'another' as PeerKey }))
  assert.not(await rights.stands({ ...grant, sub: '/OU=nodes/CN=hv2' }))
  assert.not(await rights.stands({ ...grant, manifest: OTHER }))
  await setState(context, 'alice', 'suspended')
  assert.not(await rights.stands({ ...grant, user: 'alice' }))
  await catalog.nodes.setState(node.name, { state: 'revoked', nowMs })
  assert.not(await rights.stands(grant))
})

test.run()
