import type { Kysely } from 'kysely'
import type { Accesses } from '../accounting/access-counter.ts'
import { type Db, holdImages } from './db.ts'
import type { CatalogSchema } from './schema.ts'

/** How often the bytes of images were asked for. */
export class AccessCounts {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** Adds what was counted; all of it is one write. Images that are gone are left out. */
  async add(accesses: readonly Accesses[]): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      // In one order everywhere, so that two trackers do not wait for each other.
      const ids = accesses.map(({ image }) => image)
      await holdImages(trx, (images) => images.where('id', 'in', ids))
      for (const one of accesses) await addTo(trx, one)
    })
  }
}

async function addTo(trx: Db, { image, count, lastMs }: Accesses): Promise<void> {
  await trx
    .updateTable('images')
    .set((eb) => ({
      access_count: eb('access_count', '+', count),
      accessed_at: eb.case().when('accessed_at', '>', lastMs).then(eb.ref('accessed_at')).else(lastMs).end(),
    }))
    .where('id', '=', image)
    .execute()
}
