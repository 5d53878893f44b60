import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { verifyAclChain, verifyRecordChain } from '../../../src/cli/signed/chain.ts'
import { type AclEntry, imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { parseReference } from '../../../src/core/reference.ts'
import { readPage } from '../../../tracker/acl/pages.ts'
import { ChainScrub } from '../../../tracker/acl/scrub.ts'
import { identitySeal, type Seal } from '../../../tracker/acl/seal.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog, SEAL_NAME } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { noPostgres, PostgresServer } from '../../fixtures/postgres.ts'
import { addVersion, makeImage } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'
import { Site } from '../../fixtures/site.ts'

const IMAGE = 'team/debian'
const author = '/CN=alice'
const space = namespaceTarget(imageKey(IMAGE).namespace)
const entryOf = (subject: string): AclEntry => ({ kind: 'user', subject, right: 'read' })

interface Context {
  server: PostgresServer
  site: Site
  dir: string
  remove: () => Promise<void>
  address: string
  catalogs: Catalog[]
}
const missing = noPostgres()
if (missing !== undefined) console.log(`two trackers on one database are not tested: ${missing}`)
const trackers = suite<Context>('two trackers on one database')
const test = missing === undefined ? trackers : trackers.skip

if (missing === undefined) {
  trackers.before(async (context) => {
    context.server = await PostgresServer.start()
    context.site = await Site.create()
  })
  trackers.after(async ({ server }) => await server?.remove())
  trackers.before.each(async (context) => {
    Object.assign(context, await temporaryDir())
    context.address = await context.server.database()
    context.catalogs = []
    for (const name of ['a', 'b']) context.catalogs.push(await open(context, name, await sealOf(context)))
  })
  trackers.after.each(async ({ catalogs, remove }) => {
    for (const catalog of catalogs) await catalog.close()
    await remove()
  })
}

/** A certificate of its own for each tracker, in a name that all share. */
async function sealOf({ site }: Context, name = SEAL_NAME): Promise<Seal> {
  const identity = await site.issue({ kind: 'tracker', commonName: name, dnsNames: [name] })
  return identitySeal({ identity, clock: systemClock }, { name })
}

async function open({ dir, address }: Context, name: string, seal: Seal): Promise<Catalog> {
  await mkdir(join(dir, name), { recursive: true })
  return await openTestCatalog({ dir: join(dir, name), seal, location: { postgres: address } })
}

function both({ catalogs: [a, b] }: Context): [Catalog, Catalog] {
  assert.ok(a !== undefined && b !== undefined)
  return [a, b]
}

/** Users whom ACLs may name. */
async function makeUsers(catalog: Catalog, names: readonly string[]): Promise<void> {
  for (const wanted of names)
    await catalog.users.ensure({ dn: `/CN=${wanted}`, wanted, state: 'active', nowMs: Date.now() })
}

test('changes at once all survive, and there is one chain', async (context) => {
  const [a, b] = both(context)
  await makeImage(a, IMAGE)
  const names = Array.from({ length: 12 }, (_, i) => `user${i}`)
  await makeUsers(a, names)
  await Promise.all(
    names.map((name, i) => (i % 2 === 0 ? a : b).acls.grant(space, entryOf(name), { author })),
  )
  const judge = { trust: context.site.trust, name: SEAL_NAME, nowMs: Date.now() }
  for (const catalog of [a, b]) {
    const { statements } = await readPage(catalog.signed, { table: 'acls', target: space, after: 0 })
    const chain = await verifyAclChain(statements, judge)
    assert.equal([chain.newest.statement.version, chain.gaps], [13, []])
    const subjects = chain.newest.statement.entries.map(({ subject }) => subject)
    assert.equal(subjects.filter((subject) => subject !== 'nodes').sort(), names.toSorted())
    assert.equal((await ChainScrub.run(catalog.signed)).problems, [])
  }
})

test('shares and the removal of who they are for meet in one order', async (context) => {
  const [a, b] = both(context)
  for (const name of ['team/one', 'team/two', 'team/three']) await makeImage(a, name)
  await makeUsers(a, ['bob', 'carol'])
  const targets = await Promise.all(
    ['team/one', 'team/two', 'team/three'].map(async (name) =>
      imageTarget((await a.images.get(imageKey(name))).uuid),
    ),
  )
  for (const target of targets) await a.acls.grant(target, entryOf('bob'), { author })
  await Promise.all([
    b.acls.forget({ kind: 'user', subject: 'bob' }, { author }),
    ...targets.map((target) => a.acls.grant(target, entryOf('carol'), { author })),
  ])
  for (const target of targets)
    assert.equal(
      (await b.acls.get(target)).entries.map(({ subject }) => subject),
      ['carol'],
    )
  assert.equal((await ChainScrub.run(a.signed)).problems, [])
})

test('versions that come at once are one chain of records', async (context) => {
  const [a, b] = both(context)
  const { uuid } = await makeImage(a, IMAGE)
  await Promise.all(Array.from({ length: 8 }, (_, i) => addVersion(i % 2 === 0 ? a : b, IMAGE, `${i}`)))
  const { statements } = await readPage(b.signed, { table: 'records', target: `record:${uuid}`, after: 0 })
  const judge = { trust: context.site.trust, name: SEAL_NAME, nowMs: Date.now() }
  const { standing } = await verifyRecordChain(statements, judge)
  assert.equal([...standing.versions.keys()], [1, 2, 3, 4, 5, 6, 7, 8])
  assert.is((await a.images.resolve(parseReference(IMAGE))).version >= 1, true)
})

test('each misses what is put back, when it has seen it', async (context) => {
  const [a, b] = both(context)
  await makeImage(a, IMAGE)
  await a.acls.grant(space, entryOf('bob'), { author })
  assert.is((await b.acls.get(space)).version, 2)
  await a.acls.revoke(space, entryOf('bob'), { author })
  await context.server.query(`delete from acls where target = '${space}' and version = 3`, context.address)
  assert.is((await failureOf(a.acls.get(space))).code, 'E_TAMPERED')
  assert.is((await b.acls.get(space)).version, 2, 'b has not seen the third')
  assert.is((await failureOf(a.acls.grant(space, entryOf('carol'), { author }))).code, 'E_TAMPERED')
})

test('a tracker with another name signs nothing here', async (context) => {
  const [a] = both(context)
  await makeImage(a, IMAGE)
  const stranger = await open(context, 'c', await sealOf(context, 'other.example'))
  context.catalogs.push(stranger)
  assert.match((await failureOf(stranger.acls.get(space))).message, /not for other.example/)
  const payload = { ...(await a.acls.get(space)), version: 2 }
  const token = await (await sealOf(context, 'other.example')).sign(Buffer.from(JSON.stringify(payload)), {
    typ: 'bootswarm-acl+jwt',
  })
  await context.server.query(`insert into acls values ('${space}', 2, '${token}', 0)`, context.address)
  assert.is((await failureOf(a.acls.get(space))).code, 'E_TAMPERED')
})

trackers.run()
