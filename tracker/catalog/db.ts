import type { Kysely, Transaction } from 'kysely'
import type { CatalogSchema } from './schema.ts'

/** The catalog, within a transaction or without one. */
export type Db = Kysely<CatalogSchema> | Transaction<CatalogSchema>
