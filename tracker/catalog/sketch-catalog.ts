import type { Kysely } from 'kysely'
import type { ManifestId } from '../../src/core/cid.ts'
import { RELATED_CANDIDATES_MAX } from '../../src/core/registry-limits.ts'
import { decodeSketch, encodeSketch, type Sketch } from '../../src/core/sketch.ts'
import type { CatalogSchema } from './schema.ts'

/** Samples of the blocks of manifests, and by each value who has it. */
export class SketchCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  async get(manifest: ManifestId): Promise<Sketch | undefined> {
    const row = await this.#db
      .selectFrom('sketches')
      .select('sketch')
      .where('manifest', '=', manifest)
      .executeTakeFirst()
    return row && decodeSketch(row.sketch)
  }

  /** Enters a sketch; one that is there stays, as a manifest never changes. */
  async put(manifest: ManifestId, sketch: Sketch): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      const made = await trx
        .insertInto('sketches')
        .values({ manifest, sketch: encodeSketch(sketch) })
        .onConflict((on) => on.column('manifest').doNothing())
        .returning('manifest')
        .executeTakeFirst()
      if (made === undefined || sketch.length === 0) return
      await trx
        .insertInto('sketch_values')
        .values(sketch.map((value) => ({ value, manifest })))
        .execute()
    })
  }

  /** Manifests that have the most values of a sketch, RELATED_CANDIDATES_MAX at most, with their sketches. */
  async like(manifest: ManifestId, sketch: Sketch): Promise<{ manifest: ManifestId; sketch: Sketch }[]> {
    if (sketch.length === 0) return []
    const rows = await this.#db
      .with('likely', (db) =>
        db
          .selectFrom('sketch_values')
          .select(['sketch_values.manifest as likely_manifest'])
          .select((select) => select.fn.countAll<number>().as('common'))
          .where('value', 'in', [...sketch])
          .where('sketch_values.manifest', '!=', manifest)
          .groupBy('sketch_values.manifest')
          .orderBy('common', 'desc')
          .orderBy('sketch_values.manifest')
          .limit(RELATED_CANDIDATES_MAX),
      )
      .selectFrom('likely')
      .innerJoin('sketches', 'sketches.manifest', 'likely.likely_manifest')
      .select(['sketches.manifest', 'sketches.sketch'])
      .execute()
    return rows.map((row) => ({ manifest: row.manifest, sketch: decodeSketch(row.sketch) }))
  }

  /** Manifests of versions that have no sketch, in their order: those after one of them, or the first. */
  async lacking(init: { after?: ManifestId | undefined; rowsMax: number }): Promise<ManifestId[]> {
    const { after, rowsMax } = init
    const rows = await this.#db
      .selectFrom('versions')
      .select('versions.manifest')
      .distinct()
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('sketches').select('manifest').whereRef('sketches.manifest', '=', 'versions.manifest'),
          ),
        ),
      )
      .$if(after !== undefined, (query) => query.where('versions.manifest', '>', after as ManifestId))
      .orderBy('versions.manifest')
      .limit(rowsMax)
      .execute()
    return rows.map(({ manifest }) => manifest)
  }

  /** Forgets manifests that no version has any more. Returns how many. */
  async prune(): Promise<number> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('sketches')
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('versions')
              .select('versions.manifest')
              .whereRef('versions.manifest', '=', 'sketches.manifest'),
          ),
        ),
      )
      .executeTakeFirstOrThrow()
    return Number(numDeletedRows)
  }
}
