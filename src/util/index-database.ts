import { DatabaseSync, type StatementSync } from 'node:sqlite'

export interface IndexSchema<Name extends string> {
  /** Kept in the file; one of another version is refused. */
  readonly version: number
  /** Makes what is not there yet. */
  readonly tables: string
  readonly statements: Readonly<Record<Name, string>>
}

/**
 * For one process alone. WAL: readers and the writer of it do not wait. NORMAL: a commit is not synced, so power loss may take the last
 * ones. 8 MB of cache.
 */
const PRAGMAS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA cache_size = -8192;
`

/** An index in an SQLite file that can be made anew from what it speaks of. Synchronous. Throws what node:sqlite throws. */
export class IndexDatabase<Name extends string> {
  readonly #db: DatabaseSync
  readonly statements: Readonly<Record<Name, StatementSync>>

  /** Throws TypeError when the file is of another version. */
  constructor(path: string, schema: IndexSchema<Name>) {
    this.#db = new DatabaseSync(path)
    try {
      const version = this.#db.prepare('PRAGMA user_version').get()?.['user_version']
      if (version !== 0 && version !== schema.version)
        throw new TypeError(`index has version ${String(version)}`)
      this.#db.exec(`${PRAGMAS}${schema.tables}; PRAGMA user_version = ${schema.version}`)
      const prepared = Object.entries<string>(schema.statements).map(([name, sql]) => [
        name,
        this.#db.prepare(sql),
      ])
      this.statements = Object.fromEntries(prepared) as Record<Name, StatementSync>
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  close(): void {
    this.#db.close()
  }

  /** All that the body writes, or nothing of it when it throws. */
  transaction(body: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      body()
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}
