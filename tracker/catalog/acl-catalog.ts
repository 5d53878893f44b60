import type { Kysely } from 'kysely'
import type { AclEntry } from '../../src/core/acl.ts'
import type { CatalogSchema } from './schema.ts'

/** ACLs of namespaces and images. */
export class AclCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** Entries of these targets together. */
  async entries(targets: readonly string[]): Promise<AclEntry[]> {
    const query = this.#db.selectFrom('acl_entries').select(['kind', 'subject', 'right'])
    return await query.where('target', 'in', targets).execute()
  }
}
