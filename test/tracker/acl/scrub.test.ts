import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AclEntry, imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import { parseReference } from '../../../src/core/reference.ts'
import { repairChain } from '../../../tracker/acl/repair.ts'
import { ChainScrub } from '../../../tracker/acl/scrub.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { addVersion, editDatabase, makeImage } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  dir: string
  remove: () => Promise<void>
  catalog: Catalog
  alarms: string[]
  uuid: string
}
const IMAGE = 'team/debian'
const author = '/CN=admin'
const space = namespaceTarget(imageKey(IMAGE).namespace)
const bob: AclEntry = { kind: 'user', subject: 'bob', right: 'read' }
const test = suite<Context>('scrubbing and repairing chains')

test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  await reopen(context)
  const { catalog } = context
  context.uuid = (await makeImage(catalog, IMAGE)).uuid
  for (const seed of ['one', 'two', 'three']) await addVersion(catalog, IMAGE, seed)
  await catalog.acls.grant(space, bob, { author })
  await catalog.acls.grant(imageTarget(context.uuid), bob, { author })
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function reopen(context: Context): Promise<void> {
  await context.catalog?.close()
  context.alarms = []
  const onTampered = (error: Error) => context.alarms.push(error.message)
  context.catalog = await openTestCatalog({ dir: context.dir, onTampered })
}

const scrub = ({ catalog }: Context) => ChainScrub.run(catalog.signed)
const repair = ({ catalog }: Context, target: string, keep = false) =>
  repairChain(catalog.signed, target, { author, keep })
const resolve = ({ catalog }: Context, text = IMAGE) => catalog.images.resolve(parseReference(text))

/** Targets of the problems that are found. */
async function problems(context: Context): Promise<string[]> {
  return (await scrub(context)).problems.map(({ target }) => target)
}

test('finds nothing where nothing is', async (context) => {
  assert.equal(await scrub(context), { chains: 3, statements: 7, renewed: 0, problems: [] })
  assert.equal(context.alarms, [])
})

test('copies that say something else are put right, and somebody is told', async (context) => {
  editDatabase(context.dir, (db) => {
    db.exec("delete from acl_entries where subject = 'nodes'")
    db.exec("insert into acl_entries values ('namespace:team', 'user', 'mallory', 'admin')")
    db.exec('update namespaces set owner_user = null')
    db.exec('update images set owner = null')
  })
  const report = await scrub(context)
  assert.equal(
    report.problems.map(({ target, repaired }) => [target, repaired]),
    [
      [imageTarget(context.uuid), true],
      [space, true],
    ],
  )
  assert.is(context.alarms.length, 2)
  assert.equal(await problems(context), [])
  assert.is((await context.catalog.namespaces.ownerOf(imageKey(IMAGE).namespace))?.name, 'alice')
  assert.is((await context.catalog.images.get(imageKey(IMAGE))).ownerName, 'alice')
})

test('finds what nobody has asked for since', async (context) => {
  editDatabase(context.dir, (db) => {
    db.prepare('delete from acls where target = ?').run(space)
    db.prepare('delete from acls where target = ? and version = 2').run(imageTarget(context.uuid))
    db.exec('delete from versions where version = 2')
  })
  assert.equal(
    (await problems(context)).sort(),
    [imageTarget(context.uuid), space, `record:${context.uuid}`].sort(),
  )
})

test('finds images and namespaces that were made outside the tracker', async (context) => {
  editDatabase(context.dir, (db) => {
    db.exec("insert into namespaces (namespace, owner_user, created_at) values ('evil', 1, 0)")
    db.exec(`insert into images (uuid, namespace, name, owner, created_at, last_version, removed)
      values ('evil', 'evil', 'image', 1, 0, 0, 0)`)
  })
  assert.equal(await problems(context), ['image:evil', 'namespace:evil'])
})

test('finds an image that was brought back', async (context) => {
  await context.catalog.images.remove(imageKey(IMAGE), { author, nowMs: 0 })
  assert.equal(await problems(context), [])
  editDatabase(context.dir, (db) => db.exec('update images set removed = 0'))
  assert.equal(await problems(context), [imageTarget(context.uuid)])
})

test('an ACL that lost versions goes on without entries, or with those that are signed', async (context) => {
  const { catalog, dir } = context
  const before = await catalog.acls.revoke(space, bob, { author })
  for (const keep of [false, true]) {
    editDatabase(dir, (db) => db.prepare('delete from acls where target = ? and version > 2').run(space))
    await reopen(context)
    const { serial } = (await repair(context, space, keep)) ?? { serial: 0 }
    assert.is(serial, before.version + (keep ? 2 : 1))
    const acl = await context.catalog.acls.get(space)
    assert.equal([acl.version, acl.repaired, acl.author, acl.owner.subject], [serial, true, author, 'alice'])
    assert.is(acl.entries.length, keep ? 2 : 0)
    assert.equal(await problems(context), [])
    assert.is(await repair(context, space), undefined)
  }
  await context.catalog.acls.revoke(space, bob, { author })
  await reopen(context)
  assert.is((await context.catalog.acls.get(space)).repaired, false)
})

test('another tracker accepts a repair of what it had seen', async (context) => {
  const other = join(context.dir, 'other')
  await mkdir(other)
  const location = { path: join(context.dir, 'catalog.sqlite') }
  const second = await openTestCatalog({ dir: other, location })
  assert.is((await second.acls.get(space)).version, 2)
  editDatabase(context.dir, (db) =>
    db.prepare('delete from acls where target = ? and version = 2').run(space),
  )
  await repair(context, space)
  assert.is((await second.acls.get(space)).version, 3)
  await second.close()
})

test('what was never signed gets an ACL of its owner alone', async (context) => {
  editDatabase(context.dir, (db) => {
    db.prepare('delete from acls where target = ?').run(imageTarget(context.uuid))
  })
  assert.is((await repair(context, imageTarget(context.uuid)))?.entries, 0)
  assert.is((await context.catalog.acls.get(imageTarget(context.uuid))).owner.subject, 'alice')
  assert.is((await failureOf(repair(context, 'image:nothing'))).code, 'E_NOT_FOUND')
  assert.is((await failureOf(repair(context, 'nonsense'))).code, 'E_NOT_FOUND')
})

test('an ACL whose namespace was removed ends', async (context) => {
  editDatabase(context.dir, (db) => db.exec('delete from namespaces'))
  await repair(context, space, true)
  assert.is(await context.catalog.acls.ofNamespace(imageKey(IMAGE).namespace), undefined)
})

test('numbers that nobody has signed do not count', async (context) => {
  editDatabase(context.dir, (db) =>
    db.prepare("insert into acls values (?, 9007199254740991, 'x', 0)").run(space),
  )
  assert.is((await repair(context, space))?.serial, 3)
})

test('versions that are in no chain are dropped, or stated again where they are signed', async (context) => {
  const target = `record:${context.uuid}`
  for (const keep of [true, false]) {
    editDatabase(context.dir, (db) =>
      db.prepare('delete from records where target = ? and version > 1').run(target),
    )
    await reopen(context)
    assert.is((await failureOf(resolve(context))).code, 'E_TAMPERED')
    const repaired = await repair(context, target, keep)
    assert.equal(repaired?.kept, keep ? [1, 2, 3] : [1])
    assert.equal(repaired?.dropped, keep ? [] : [2, 3])
    assert.equal(await problems(context), [])
    assert.is((await resolve(context, keep ? `${IMAGE}@3` : `${IMAGE}@1`)).manifest.length > 0, true)
  }
  assert.is(await addVersion(context.catalog, IMAGE, 'four'), 4)
})

test('a version whose row is gone is said to be gone', async (context) => {
  editDatabase(context.dir, (db) => db.exec('delete from tags; delete from versions where version = 3'))
  const repaired = await repair(context, `record:${context.uuid}`)
  assert.equal([repaired?.kept, repaired?.dropped], [[1, 2], []])
  assert.equal(await problems(context), [])
})

test('versions that say something else are dropped even when one wants to keep', async (context) => {
  editDatabase(context.dir, (db) => db.exec('update versions set size = 99 where version = 2'))
  assert.equal((await repair(context, `record:${context.uuid}`, true))?.dropped, [2])
  assert.is((await resolve(context)).version, 3)
})

test('a lost journal is begun anew', async (context) => {
  await context.catalog.close()
  await rm(join(context.dir, 'chains.journal'))
  await reopen(context)
  assert.equal(await problems(context), [])
})

test.run()
