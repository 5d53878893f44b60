import { type Kysely, type Migration, sql } from 'kysely'
import { columnTypesOf } from '../column-types.ts'

/** What machines read while they boot: recordings of nodes, and the profile that was made of them. */
export const profiles: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { int, text, blob, end } = columnTypesOf(db)
    const of = `image ${int} not null references images on delete cascade, manifest ${text} not null`
    const statements = [
      `create table boot_recordings (${of}, node ${text} not null, reads ${blob} not null, duration_ms ${int} not null,
        recorded_at ${int} not null, primary key (image, manifest, node))${end}`,
      'create index boot_recordings_by_node on boot_recordings (node)',
      `create table boot_profiles (${of}, digest ${text} not null, recordings ${int} not null, bytes ${int} not null,
        reads ${blob} not null, updated_at ${int} not null, primary key (image, manifest))${end}`,
    ]
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
