import { join } from 'node:path'
import { Kysely, Migrator, sql } from 'kysely'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../../src/core/cid.ts'
import { type CatalogLocation, openDatabase } from '../../../../tracker/catalog/database.ts'
import { first } from '../../../../tracker/catalog/migrations/0001-first.ts'
import { postgresDialect } from '../../../../tracker/catalog/postgres-dialect.ts'
import { nodeSqliteDialect } from '../../../../tracker/catalog/sqlite-dialect.ts'
import { openTestCatalog } from '../../../fixtures/catalog.ts'
import { imageKey } from '../../../fixtures/image-key.ts'
import { noPostgres, PostgresServer } from '../../../fixtures/postgres.ts'
import { testsThatNeed } from '../../../fixtures/programs.ts'
import { withScratch } from '../../../fixtures/scratch.ts'

const test = suite('migrations')
const missing = noPostgres()
const on = testsThatNeed(test, missing)
let server: PostgresServer | undefined

test.before(async () => {
  if (missing === undefined) server = await PostgresServer.start()
})
test.after(async () => {
  await server?.remove()
})

function open(location: CatalogLocation): Kysely<unknown> {
  if ('path' in location) return new Kysely({ dialect: nodeSqliteDialect(location) })
  if ('postgres' in location) return new Kysely({ dialect: postgresDialect({ address: location.postgres }) })
  throw new TypeError('no file here')
}

/** Runs `task` with an empty database of each kind that is here. */
async function onEach(task: (location: CatalogLocation, dir: string) => Promise<void>): Promise<void> {
  await withScratch((dir) => task({ path: join(dir, 'catalog.sqlite') }, dir))
  const address = await server?.database()
  if (address !== undefined) await withScratch((dir) => task({ postgres: address }, dir))
}

test('a catalog of the first release keeps what it has, and its owners become users', () =>
  onEach(async (location, dir) => {
    const manifest = manifestIdOf(digestOf(Buffer.from('m')))
    const db = open(location)
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ '0001-first': first }) } })
    assert.is((await migrator.migrateToLatest()).error, undefined)
    for (const text of [
      `insert into namespaces values ('alice', '/CN=Alice', 1000), ('team', '/CN=Alice', 2000), ('bob', '/CN=Bob', 3000)`,
      `insert into images (id, namespace, name, created_at, last_version, removed) values (7, 'team', 'debian', 5000, 2, 0)`,
      `insert into versions values (7, 2, '${manifest}', 4096, null, 1, '/CN=Alice', 'record', 6000)`,
      `insert into tags values (7, 'latest', 2)`,
      `insert into uploads values ('u', 7, '/CN=Alice', 9000, 0)`,
    ])
      await sql.raw(text).execute(db)
    await db.destroy()
    const catalog = await openTestCatalog({ dir, location })
    const alice = await catalog.users.byDn('/CN=Alice')
    assert.is(alice?.name, 'alice')
    assert.equal(await catalog.namespaces.ownedBy({ id: alice?.id ?? 0 }), ['alice', 'team'])
    const image = await catalog.images.get(imageKey('team/debian'))
    assert.equal([image.ownerName, image.state, image.uploadedAtMs], ['alice', 'available', 6000])
    const [version] = await catalog.images.versions(image)
    assert.equal([version?.record, version?.version], ['record', 2])
    assert.is((await catalog.images.tags(image))[0]?.tag, 'latest')
    assert.equal(await catalog.trackers.orphans(), [manifest])
    assert.is((await catalog.uploads.get('u', { nowMs: 8000 })).tracker, '')
    const more = await catalog.users.ensure({ dn: '/CN=C', wanted: 'c', state: 'active', nowMs: 1 })
    assert.ok(more.id > 0)
    await catalog.close()
  }))

test('a change of the tables that breaks off leaves nothing of itself', () =>
  onEach(async (location, dir) => {
    await (await openTestCatalog({ dir, location })).close()
    const db = open(location)
    const { names } = await tablesOf(db)
    const half = {
      async up(trx: Kysely<unknown>): Promise<void> {
        await sql`create table half (id integer)`.execute(trx)
        throw new RangeError('no more')
      },
    }
    const provider = { getMigrations: async () => ({ '0000-half': half }) }
    const migrator = new Migrator({ db, provider, migrationTableName: 'other_migration' })
    assert.instance((await migrator.migrateToLatest()).error, RangeError)
    const after = await tablesOf(db)
    assert.equal(
      after.names.filter((name) => !name.startsWith('other')),
      names,
    )
    await db.destroy()
  }))

on('many trackers that start at once make the tables once', async () => {
  const address = await server?.database()
  if (address === undefined) return
  const databases = await Promise.all(Array.from({ length: 6 }, () => openDatabase({ postgres: address })))
  for (const db of databases) {
    assert.equal(await db.selectFrom('users').selectAll().execute(), [])
    await db.destroy()
  }
  const rows = await server?.query('select name from kysely_migration', address)
  assert.is(new Set(rows?.map((row) => row['name'])).size, rows?.length)
})

async function tablesOf(db: Kysely<unknown>): Promise<{ names: string[] }> {
  const tables = await db.introspection.getTables()
  return { names: tables.map((table) => table.name).sort() }
}

test.run()
