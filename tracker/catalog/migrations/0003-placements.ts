import { type Kysely, type Migration, sql } from 'kysely'
import { columnTypesOf } from '../column-types.ts'

/** Which nodes are to have which image, and how far they are. */
export const placements: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { id, int, text, end } = columnTypesOf(db)
    const statements = [
      `create table placements (id ${id}, namespace ${text} not null, name ${text} not null, version ${int} not null,
        manifest ${text} not null, labels ${text} not null, at ${int} not null, failures_max ${int} not null,
        state ${text} not null, author ${text} not null, created_at ${int} not null, modified_at ${int} not null)${end}`,
      `create table places (placement ${int} not null references placements on delete cascade, node ${text} not null,
        wave ${int} not null, state ${text} not null, runs ${int} not null, runs_total ${int} not null, error ${text},
        modified_at ${int} not null, primary key (placement, node))${end}`,
      'create index places_by_node on places (node, state)',
      'create index places_by_state on places (placement, state, wave)',
    ]
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
