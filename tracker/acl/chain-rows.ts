import { CHAIN_PAGE_STATEMENTS } from '../../src/core/registry-limits.ts'
import type { Db } from '../catalog/db.ts'

/** A statement as it is stored. `version` is its number in the chain. */
export interface ChainRow {
  readonly target: string
  readonly version: number
  readonly token: string
}

/** The two tables of chains have the same columns. */
interface In {
  readonly table: 'acls' | 'records'
}

export async function newestStatements(
  db: Db,
  { table, targets }: In & { targets: readonly string[] },
): Promise<ChainRow[]> {
  if (targets.length === 0) return []
  return await db
    .selectFrom(`${table as 'acls'} as newest`)
    .select(['target', 'version', 'token'])
    .where('target', 'in', targets)
    .where('version', '=', (sub) =>
      sub
        .selectFrom(`${table as 'acls'} as others`)
        .select((select) => select.fn.max('others.version').as('version'))
        .whereRef('others.target', '=', 'newest.target'),
    )
    .execute()
}

/** A page of the statements between two numbers (both exclusive), newest first. */
export async function statementsBelow(
  db: Db,
  init: In & { target: string; below: number; above: number },
): Promise<ChainRow[]> {
  return await selectStatements(db, init)
    .where('version', '<', init.below)
    .where('version', '>', init.above)
    .orderBy('version', 'desc')
    .limit(CHAIN_PAGE_STATEMENTS)
    .execute()
}

/** A page of the statements after a number, oldest first. */
export async function statementsAfter(
  db: Db,
  init: In & { target: string; after: number; limit?: number },
): Promise<ChainRow[]> {
  return await selectStatements(db, init)
    .where('version', '>', init.after)
    .orderBy('version')
    .limit(init.limit ?? CHAIN_PAGE_STATEMENTS)
    .execute()
}

/** A page of targets that have chains, in order. */
export async function targetsAfter(db: Db, { table, after }: In & { after: string }): Promise<string[]> {
  const rows = await db
    .selectFrom(table as 'acls')
    .select('target')
    .distinct()
    .where('target', '>', after)
    .orderBy('target')
    .limit(CHAIN_PAGE_STATEMENTS)
    .execute()
  return rows.map(({ target }) => target)
}

function selectStatements(db: Db, { table, target }: In & { target: string }) {
  return db
    .selectFrom(table as 'acls')
    .select(['target', 'version', 'token'])
    .where('target', '=', target)
}

export async function removeStatements(
  trx: Db,
  { table, target, after }: In & { target: string; after: number },
): Promise<void> {
  const gone = trx.deleteFrom(table as 'acls').where('target', '=', target)
  await gone.where('version', '>', after).execute()
}

/** False, and all as it was, when the number is taken. */
export async function insertStatement(
  trx: Db,
  { table, row }: In & { row: ChainRow & { created_at: number } },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto(table as 'acls')
    .values(row)
    .onConflict((on) => on.doNothing())
    .executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}
