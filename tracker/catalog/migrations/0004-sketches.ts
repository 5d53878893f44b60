import { type Kysely, type Migration, sql } from 'kysely'
import { columnTypesOf } from '../column-types.ts'

/** Samples of the blocks of manifests: which images share how much. */
export const sketches: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { int, text, blob, end } = columnTypesOf(db)
    const statements = [
      `create table sketches (manifest ${text} primary key, sketch ${blob} not null)${end}`,
      `create table sketch_values (value ${int} not null, manifest ${text} not null references sketches on delete cascade,
        primary key (value, manifest))${end}`,
      'create index sketch_values_by_manifest on sketch_values (manifest)',
    ]
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
