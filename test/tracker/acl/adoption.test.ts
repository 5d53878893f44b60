import { rm } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import { parseReference } from '../../../src/core/reference.ts'
import { adoptUnsigned } from '../../../tracker/acl/adoption.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog, testSeal } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { editDatabase, makeImage } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  dir: string
  remove: () => Promise<void>
  catalog: Catalog
  alarms: string[]
}
const author = '/CN=tracker'
const manifest = manifestIdOf(digestOf(Buffer.from('m')))
const test = suite<Context>('adoption')

test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  context.alarms = []
  await open(context)
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function open(context: Context): Promise<void> {
  const onTampered = (error: Error) => context.alarms.push(error.message)
  context.catalog = await openTestCatalog({ dir: context.dir, onTampered })
}

/** A record as the first release signed it. */
async function legacyRecord(version: number, changed: Record<string, unknown> = {}): Promise<string> {
  const facts = { namespace: 'team', name: 'debian', version, manifest, size: 10, sha256: null }
  const claims = { ...facts, publisher: '/CN=alice', iat: Math.floor(Date.now() / 1000), ...changed }
  const seal = await testSeal()
  return await seal.sign(Buffer.from(JSON.stringify(claims)), { typ: 'bootswarm-record+jwt' })
}

/** What a catalog of the first release looks like after its tables were brought up to date. */
async function legacy({ catalog, dir }: Context, records: readonly string[]): Promise<void> {
  const { id } = await makeImage(catalog, 'team/debian')
  editDatabase(dir, (db) => {
    db.exec('delete from acls; delete from acl_entries; delete from records')
    records.forEach((record, i) => {
      db.prepare(
        `insert into versions (image, version, manifest, size, sha256, runs, publisher, record, created_at)
          values (?, ?, ?, 10, null, 1, '/CN=alice', ?, 0)`,
      ).run(id, i + 1, manifest, record)
    })
  })
}

/** With the journal as it is after a start on a database of the first release. */
async function forget(context: Context): Promise<void> {
  await context.catalog.close()
  await rm(`${context.dir}/chains.journal`)
  await open(context)
}

test('gives chains to what was made without them, once', async (context) => {
  await legacy(context, [await legacyRecord(1), await legacyRecord(2)])
  await forget(context)
  const { signed, acls, images } = context.catalog
  assert.equal(await adoptUnsigned(signed, { author }), { namespaces: 1, images: 1, versions: 2 })
  const { namespace, image } = await acls.ofImage(await images.get(imageKey('team/debian')))
  assert.equal([namespace.owner.subject, namespace.author, namespace.version], ['alice', author, 1])
  assert.equal([image.owner.subject, image.entries], ['alice', []])
  const row = await images.resolve(parseReference('team/debian@2'))
  const { serial, publisher, event } = context.catalog.records.read(row)
  assert.equal([serial, publisher, event], [2, '/CN=alice', 'commit'])
  assert.equal(await adoptUnsigned(signed, { author }), { namespaces: 0, images: 0, versions: 0 })
})

test('a version whose record does not verify is not served', async (context) => {
  const bad = [
    await legacyRecord(7),
    await legacyRecord(2, { size: 11 }),
    'record',
    await legacyRecord(4, { iat: 'x' }),
  ]
  await legacy(context, [...bad, await legacyRecord(5)])
  await forget(context)
  const { signed, images } = context.catalog
  assert.is((await adoptUnsigned(signed, { author })).versions, 1)
  assert.is(context.alarms.length, 4)
  assert.is((await images.resolve(parseReference('team/debian@5'))).version, 5)
  for (const version of [1, 2, 3, 4])
    assert.is((await failureOf(images.resolve(parseReference(`team/debian@${version}`)))).code, 'E_TAMPERED')
})

test('goes on where it broke off', async (context) => {
  await legacy(context, [])
  await makeImage(context.catalog, 'more/one').catch(() => {})
  await forget(context)
  const { signed, acls } = context.catalog
  const first = { namespace: 'team' as never, owner: { kind: 'user', subject: 'alice' } as const, author }
  await context.catalog.transaction((trx) => acls.foundNamespace(trx, first))
  const adopted = await adoptUnsigned(signed, { author })
  assert.is(adopted.images, 1)
})

test('what comes without a chain afterwards is not signed', async (context) => {
  await adoptUnsigned(context.catalog.signed, { author })
  await legacy(context, [await legacyRecord(1)])
  assert.equal(await adoptUnsigned(context.catalog.signed, { author }), {
    namespaces: 0,
    images: 0,
    versions: 0,
  })
  const failure = failureOf(context.catalog.images.resolve(parseReference('team/debian@1')))
  assert.is((await failure).code, 'E_TAMPERED')
})

test.run()
