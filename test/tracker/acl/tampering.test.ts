import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AclEntry, imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { identitySeal } from '../../../tracker/acl/seal.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog, SEAL_NAME } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { makeUsers } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'
import { Site } from '../../fixtures/site.ts'

const key = imageKey('team/debian')
const other = imageKey('team/other')
const space = namespaceTarget(key.namespace)
const author = '/CN=alice'
const bob: AclEntry = { kind: 'user', subject: 'bob', right: 'read' }

interface Context {
  dir: string
  remove: () => Promise<void>
  catalog: Catalog
  alarms: string[]
}
const test = suite<Context>('tampering with ACLs')

test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  context.alarms = []
  await reopen(context)
  const { catalog } = context
  const nowMs = Date.now()
  const owner = await catalog.users.ensure({ dn: author, wanted: 'alice', state: 'active', nowMs })
  const founder = { kind: 'user', id: owner.id, name: owner.name } as const
  await catalog.namespaces.create(key.namespace, { owner: founder, author, nowMs })
  await catalog.images.create(key, { owner, author, nowMs })
  await catalog.images.create(other, { owner, author, nowMs })
  await makeUsers(catalog, 'bob', 'carol')
  for (const subject of ['bob', 'carol']) await catalog.acls.grant(space, { ...bob, subject }, { author })
  await catalog.acls.revoke(space, bob, { author })
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function reopen(context: Context): Promise<void> {
  await context.catalog?.close()
  const onTampered = (error: Error) => context.alarms.push(error.message)
  context.catalog = await openTestCatalog({ dir: context.dir, onTampered })
}

/** What somebody with the database file in hand can do. */
function edit<T>({ dir }: Context, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(join(dir, 'catalog.sqlite'))
  try {
    return work(db)
  } finally {
    db.close()
  }
}

const tokenOf = (db: DatabaseSync, target: string, version: number) =>
  db.prepare('select token from acls where target = ? and version = ?').get(target, version)?.[
    'token'
  ] as string
const putToken = (db: DatabaseSync, init: { target: string; version: number; token: string }) =>
  db
    .prepare('update acls set token = ? where target = ? and version = ?')
    .run(init.token, init.target, init.version)

/** The ACL is refused, now and after a new start, and somebody is told. */
async function refused(context: Context, target: string, message: RegExp): Promise<void> {
  for (const again of [false, true]) {
    if (again) await reopen(context)
    const failure = await failureOf(context.catalog.acls.get(target as never))
    assert.is(failure.code, 'E_TAMPERED')
    assert.match(failure.message, message)
    assert.match(context.alarms.at(-1) ?? '', message)
  }
  const change = context.catalog.acls.grant(target as never, bob, { author })
  assert.is((await failureOf(change)).code, 'E_TAMPERED')
}

test('an edited text is refused', async (context) => {
  edit(context, (db) => {
    const [header, payload = '', signature] = tokenOf(db, space, 4).split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...claims, owner: { kind: 'user', subject: 'bob' } }))
    putToken(db, {
      target: space,
      version: 4,
      token: `${header}.${forged.toString('base64url')}.${signature}`,
    })
  })
  await refused(context, space, /does not verify/)
})

test('a version that was removed is missed', async (context) => {
  edit(context, (db) => db.prepare('delete from acls where target = ? and version = 4').run(space))
  await refused(context, space, /was put back: number 4 was there, now it is 3/)
})

test('an ACL that was removed as a whole is missed', async (context) => {
  edit(context, (db) => db.prepare('delete from acls where target = ?').run(space))
  await refused(context, space, /was removed/)
})

test('an old text in the row of the newest is refused', async (context) => {
  edit(context, (db) => putToken(db, { target: space, version: 4, token: tokenOf(db, space, 2) }))
  await refused(context, space, /was renumbered/)
})

test('a newer number for an old text is refused', async (context) => {
  edit(context, (db) => db.prepare('insert into acls values (?, 5, ?, 0)').run(space, tokenOf(db, space, 2)))
  await refused(context, space, /was renumbered/)
})

test('the text of another image is refused', async (context) => {
  const [mine, theirs] = await Promise.all(
    [key, other].map(async (image) => imageTarget((await context.catalog.images.get(image)).uuid)),
  )
  edit(context, (db) => putToken(db, { target: mine ?? '', version: 1, token: tokenOf(db, theirs ?? '', 1) }))
  await refused(context, mine ?? '', /is that of image:/)
})

test('images that were swapped as a whole are found by their names', async (context) => {
  const { uuid: first } = await context.catalog.images.get(key)
  const { uuid: second } = await context.catalog.images.get(other)
  edit(context, (db) => {
    for (const [from, to] of [
      [first, 'x'],
      [second, first],
      ['x', second],
    ] as const)
      db.prepare('update images set uuid = ? where uuid = ?').run(to, from)
  })
  const failure = await failureOf(context.catalog.acls.ofImage(await context.catalog.images.get(key)))
  assert.match(failure.message, /is that of team\/other, not of team\/debian/)
})

test('a namespace whose row was removed is not given to who comes next', async (context) => {
  edit(context, (db) => {
    db.exec(`pragma foreign_keys = off; delete from namespaces`)
  })
  assert.is((await failureOf(context.catalog.acls.ofNamespace(key.namespace))).code, 'E_TAMPERED')
  const owner = { kind: 'user', id: 1, name: 'mallory' } as const
  const made = context.catalog.namespaces.create(key.namespace, { owner, author: '/CN=m', nowMs: 0 })
  assert.is((await failureOf(made)).code, 'E_TAMPERED')
})

test('what another key signs is refused', async (context) => {
  const site = await Site.create('Elsewhere')
  const identity = await site.issue({ kind: 'tracker', commonName: SEAL_NAME, dnsNames: [SEAL_NAME] })
  const seal = identitySeal({ identity, clock: systemClock }, { name: SEAL_NAME })
  const held = edit(context, (db) => tokenOf(db, space, 4))
  const payload = Buffer.from(held.split('.')[1] ?? '', 'base64url')
  const token = await seal.sign(payload, { typ: 'bootswarm-acl+jwt' })
  // The journal knows these octets, whoever signs them.
  edit(context, (db) => putToken(db, { target: space, version: 4, token }))
  assert.is((await context.catalog.acls.get(space)).version, 4)
  await rm(join(context.dir, 'chains.journal'))
  await context.catalog.close()
  context.catalog = await openTestCatalog({ dir: context.dir })
  assert.is((await failureOf(context.catalog.acls.get(space))).code, 'E_TAMPERED')
})

test('a tracker that has seen nothing yet begins with what is there', async (context) => {
  await context.catalog.close()
  await rm(join(context.dir, 'chains.journal'))
  edit(context, (db) => db.prepare('delete from acls where target = ? and version = 4').run(space))
  context.catalog = await openTestCatalog({ dir: context.dir })
  assert.is((await context.catalog.acls.get(space)).version, 3)
})

test.run()
