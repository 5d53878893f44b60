import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { SqliteAdapter, SqliteDialect } from 'kysely'
import { ConflictError, StorageError, StorageFullError } from '../../src/core/errors.ts'
import { BROKEN_LINK, TAKEN } from './constraint-messages.ts'

/** Prepared statements that are kept, those that were used last: more than the catalog has of its own; queries of users come and go. */
const STATEMENTS_MAX = 256

/** Primary result codes of SQLite (sqlite.org/rescode.html) that speak of the disk, not of the query. */
const SQLITE_FULL = 13
const DISK_CODES: ReadonlySet<number> = new Set([5, 7, 8, 10, 11, 14, 26])

/** Extended result codes of broken constraints. */
const TAKEN_CODES: ReadonlySet<number> = new Set([1555, 2067])
const FOREIGN_KEY_CODE = 787

/**
 * Kysely on node:sqlite. One connection: Kysely runs one query or transaction at a time on it.
 * WAL, and every commit is synced to disk. Errors of the disk become StorageFullError and StorageError.
 */
export function nodeSqliteDialect(init: { path: string }): SqliteDialect {
  return new NodeSqliteDialect({
    database: async () => open(init.path),
  })
}

/** SQLite changes tables within transactions as well; Kysely's own adapter does without, and a kill would leave half a change. */
class NodeSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

function open(path: string) {
  const db = translated(() => new DatabaseSync(path, { timeout: 2_000 }))
  translated(() => {
    db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on')
  })
  const statements = new Map<string, Statement>()
  return {
    close: () => db.close(),
    prepare(sql: string): Statement {
      if (sql === 'rollback' && !db.isTransaction) return NOTHING
      const known = statements.get(sql)
      const statement = known ?? wrap(translated(() => db.prepare(sql)))
      statements.delete(sql)
      statements.set(sql, statement)
      const [oldest] = statements.keys()
      if (statements.size > STATEMENTS_MAX && oldest !== undefined) statements.delete(oldest)
      return statement
    },
  }
}

interface Statement {
  reader: boolean
  all(parameters: readonly unknown[]): unknown[]
  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  iterate(parameters: readonly unknown[]): IterableIterator<unknown>
}

/** Stands for a rollback after SQLite has rolled back by itself, as it does when the disk is full. */
const NOTHING: Statement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
}

function wrap(statement: StatementSync): Statement {
  const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => translated(() => statement.all(...values(parameters))),
    run: (parameters) => translated(() => statement.run(...values(parameters))),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  }
}

function translated<T>(fn: () => T): T {
  try {
    return fn()
  } catch (cause) {
    const code = (cause as { errcode?: number }).errcode
    const primary = code === undefined ? undefined : code & 0xff
    if (primary === SQLITE_FULL) throw new StorageFullError('no space left for the catalog', { cause })
    if (primary !== undefined && DISK_CODES.has(primary)) {
      throw new StorageError('the catalog cannot be read or written', { cause })
    }
    if (code !== undefined && TAKEN_CODES.has(code)) throw new ConflictError(TAKEN, { cause })
    if (code === FOREIGN_KEY_CODE) throw new ConflictError(BROKEN_LINK, { cause })
    throw cause
  }
}
