import { type Kysely, type SelectQueryBuilder, sql, type Transaction } from 'kysely'
import { isPostgres } from './column-types.ts'
import type { CatalogSchema } from './schema.ts'

/** The catalog, within a transaction or without one. */
export type Db = Kysely<CatalogSchema> | Transaction<CatalogSchema>

/**
 * What only one transaction at a time may do, over all trackers of the database: whatever looks first and then acts on what
 * it saw, such as counting before adding. `names`: users, groups and namespaces, which share their names.
 */
export type Turn = 'names' | 'nodes' | 'placements' | `images:${string}` | `uploads:${string}`

/**
 * Waits until no other transaction is in this turn; it ends with the transaction. One turn in a transaction, taken first: two
 * that take several in different orders would wait for each other.
 */
export async function takeTurn(trx: Db, turn: Turn): Promise<void> {
  // SQLite runs one transaction after the other anyway.
  if (isPostgres(trx)) await sql`select pg_advisory_xact_lock(hashtextextended(${turn}, 0))`.execute(trx)
}

type Images = SelectQueryBuilder<CatalogSchema, 'images', { id: number }>

/**
 * Makes others wait until the transaction ends who are about to change these images, their versions, tags, uploads or chains. First
 * of all rows, and in one order: whoever changed the row of an image after one of its tags would wait for somebody who does
 * it the other way round.
 */
export async function holdImages(trx: Db, which: (images: Images) => Images): Promise<void> {
  if (!isPostgres(trx)) return
  await which(trx.selectFrom('images').select('id')).orderBy('id').forNoKeyUpdate().execute()
}
