import {
  type Dialect,
  HandleEmptyInListsPlugin,
  Kysely,
  Migrator,
  replaceWithNoncontingentExpression,
  sql,
} from 'kysely'
import { BootswarmError, ConfigError, StorageError } from '../../src/core/errors.ts'
import { migrations } from './migrations.ts'
import { type PostgresLocation, postgresAddress } from './postgres-address.ts'
import { postgresDialect } from './postgres-dialect.ts'
import type { CatalogSchema } from './schema.ts'
import { nodeSqliteDialect } from './sqlite-dialect.ts'

/** Where a catalog is: the path of a file of SQLite, or a PostgreSQL database. */
export type CatalogLocation = { readonly path: string } | PostgresLocation

/** Oldest server that is tested; as `server_version_num`. */
const POSTGRES_MIN = { version: 15, number: 150_000 }

/**
 * Opens a catalog, makes its tables where they are missing and brings them up to date; of several trackers that start at once
 * one does, and the others wait. Errors: ConfigError, BusyError while the server is away, StorageError when a newer tracker made it.
 */
export async function openDatabase(location: CatalogLocation): Promise<Kysely<CatalogSchema>> {
  if ('path' in location) {
    const db = kysely(nodeSqliteDialect(location))
    await orDestroy(db, () => migrate(db))
    return db
  }
  const address = await postgresAddress(location)
  const db = kysely(postgresDialect({ address, migrating: true }))
  await orDestroy(db, async () => {
    await checkVersion(db)
    await migrate(db)
  })
  await db.destroy()
  return kysely(postgresDialect({ address }))
}

function kysely(dialect: Dialect): Kysely<CatalogSchema> {
  // `in ()` is nothing to SQLite and a mistake to PostgreSQL.
  const plugins = [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })]
  return new Kysely<CatalogSchema>({ dialect, plugins })
}

async function orDestroy(db: Kysely<CatalogSchema>, task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    await db.destroy()
    throw error
  }
}

async function checkVersion(db: Kysely<CatalogSchema>): Promise<void> {
  const { rows } = await sql<{ number: string; version: string }>`
    select current_setting('server_version_num') as number, current_setting('server_version') as version`.execute(
    db,
  )
  const [{ number, version } = { number: '0', version: 'unknown' }] = rows
  if (Number(number) >= POSTGRES_MIN.number) return
  throw new ConfigError(
    `the database is PostgreSQL ${version}, and the tracker needs ${POSTGRES_MIN.version} or later: upgrade it with pg_upgrade`,
  )
}

/** Kysely takes a lock of the server for it, and does all of it in one transaction. */
async function migrate(db: Kysely<CatalogSchema>): Promise<void> {
  const { error } = await new Migrator({ db, provider: migrations }).migrateToLatest()
  if (error === undefined) return
  if (error instanceof BootswarmError) throw error
  throw new StorageError('the catalog cannot be brought up to date: was it made by a newer tracker?', {
    cause: error,
  })
}
