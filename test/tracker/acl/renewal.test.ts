import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { namespaceTarget } from '../../../src/core/acl.ts'
import { payloadDigest } from '../../../src/core/chain.ts'
import type { Clock } from '../../../src/core/clock.ts'
import { parseReference } from '../../../src/core/reference.ts'
import { readPage } from '../../../tracker/acl/pages.ts'
import { ChainScrub } from '../../../tracker/acl/scrub.ts'
import { identitySeal, type Seal } from '../../../tracker/acl/seal.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog, SEAL_NAME } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { addVersion, editDatabase, makeImage } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'
import { Site } from '../../fixtures/site.ts'

const DAY_MS = 24 * 3_600_000
const IMAGE = 'team/debian'
const space = namespaceTarget(imageKey(IMAGE).namespace)

interface Context {
  dir: string
  remove: () => Promise<void>
  site: Site
  clock: FakeClock
  catalog: Catalog
}
const test = suite<Context>('signatures after a renewal')

test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  context.site = await Site.create()
  context.clock = new FakeClock(Date.now())
  context.catalog = await openTestCatalog({ ...context, seal: await sealFor(context, 10) })
  await makeImage(context.catalog, IMAGE)
  for (const seed of ['one', 'two']) await addVersion(context.catalog, IMAGE, seed)
  for (const right of ['read', 'write'] as const)
    await context.catalog.acls.grant(space, { kind: 'user', subject: 'bob', right }, { author: '/CN=a' })
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

/** The tracker's certificate, good for so many days from now on. */
async function sealFor({ site, clock }: { site: Site; clock: Clock }, days: number): Promise<Seal> {
  const identity = await site.issue({ kind: 'tracker', commonName: SEAL_NAME, dnsNames: [SEAL_NAME], days })
  return identitySeal({ identity, clock }, { name: SEAL_NAME })
}

/** A start with a new certificate, so many days later. */
async function renewAfter(context: Context, days: number): Promise<Seal> {
  await context.catalog.close()
  const seal = await sealFor(context, 365)
  await context.clock.leap(days * DAY_MS)
  context.catalog = await openTestCatalog({ ...context, seal })
  return seal
}

const tokens = ({ dir }: Context) =>
  editDatabase(dir, (db) =>
    ['acls', 'records'].flatMap((table) =>
      db
        .prepare(`select token from ${table} order by target, version`)
        .all()
        .map((row) => String(row['token'])),
    ),
  )

test('what an expired certificate has signed is still read, and signed anew with the same payload', async (context) => {
  const before = tokens(context)
  const seal = await renewAfter(context, 20)
  assert.is((await context.catalog.acls.get(space)).version, 3)
  assert.equal((await ChainScrub.run(context.catalog.signed)).problems, [])
  const after = tokens(context)
  assert.equal(after.map(payloadDigest), before.map(payloadDigest))
  assert.is(
    after.some((token) => before.includes(token)),
    false,
  )
  for (const token of after.slice(0, 3)) await seal.open(token, { typ: 'bootswarm-acl+jwt' })
  assert.is((await ChainScrub.run(context.catalog.signed)).renewed, 0)
})

test('a record is signed anew when it is asked for, in its row and in its chain', async (context) => {
  const seal = await renewAfter(context, 20)
  const { record } = await context.catalog.images.resolve(parseReference(IMAGE))
  await seal.open(record, { typ: 'bootswarm-record+jwt' })
  assert.is((await context.catalog.images.resolve(parseReference(IMAGE))).record, record)
  assert.ok(tokens(context).includes(record))
})

test('pages and single ACLs are signed anew, too', async (context) => {
  const seal = await renewAfter(context, 20)
  const { token } = await context.catalog.acls.signed(space)
  await seal.open(token, { typ: 'bootswarm-acl+jwt' })
  const { statements } = await readPage(context.catalog.signed, { table: 'acls', target: space, after: 0 })
  for (const statement of statements) await seal.open(statement, { typ: 'bootswarm-acl+jwt' })
})

test('a certificate that is good for long is left alone', async (context) => {
  context.catalog.close()
  const seal = await sealFor(context, 365)
  context.catalog = await openTestCatalog({ ...context, dir: context.dir, seal })
  await ChainScrub.run(context.catalog.signed)
  const before = tokens(context)
  await renewAfter(context, 20)
  await ChainScrub.run(context.catalog.signed)
  assert.equal(tokens(context), before)
})

test('an expired certificate counts as of the time of its signature also for who has seen nothing', async (context) => {
  await renewAfter(context, 20)
  await context.catalog.close()
  await rm(join(context.dir, 'chains.journal'))
  context.catalog = await openTestCatalog({ ...context, seal: await sealFor(context, 365) })
  assert.is((await context.catalog.acls.get(space)).version, 3)
  assert.is((await context.catalog.images.resolve(parseReference(IMAGE))).version, 2)
})

test('what the key of an expired certificate signs afterwards is refused', async (context) => {
  const stolen = await sealFor(context, 1)
  const newest = editDatabase(context.dir, (db) =>
    db.prepare('select token from acls where target = ? and version = 3').get(space),
  )
  await renewAfter(context, 20)
  await ChainScrub.run(context.catalog.signed)
  const [, payload = ''] = String(newest?.['token']).split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const forge = async (iat: number) => {
    const next = { ...claims, version: 4, previous: payloadDigest(String(newest?.['token'])), iat }
    const token = await stolen.sign(Buffer.from(JSON.stringify(next)), { typ: 'bootswarm-acl+jwt' })
    editDatabase(context.dir, (db) => {
      db.prepare('delete from acls where target = ? and version = 4').run(space)
      db.prepare('insert into acls values (?, 4, ?, 0)').run(space, token)
    })
    return await failureOf(context.catalog.acls.get(space))
  }
  assert.match((await forge(Math.floor(context.clock.now() / 1000))).message, /expired/)
  assert.match((await forge(claims.iat)).message, /expired/)
})

test('a clock that goes back makes no time go back', async (context) => {
  const { catalog, clock } = context
  const before = await catalog.acls.get(space)
  await catalog.close()
  context.catalog = await openTestCatalog({
    ...context,
    seal: await sealFor(context, 10),
    clock: new FakeClock(clock.now() - 60_000),
  })
  const after = await context.catalog.acls.revoke(
    space,
    { kind: 'user', subject: 'bob' },
    { author: '/CN=a' },
  )
  assert.is(after.iat, before.iat)
  assert.equal((await ChainScrub.run(context.catalog.signed)).problems, [])
})

test.run()
