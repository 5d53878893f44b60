import type { Digest } from '../../core/cid.ts'
import { IndexDatabase } from '../../util/index-database.ts'

/** A file whose blocks are known. */
export interface SeedFile {
  readonly id: number
  readonly path: string
  readonly identity: string
  readonly size: number
  /** Different blocks in it. */
  readonly blocks: number
  /** Milliseconds since the epoch. */
  readonly addedMs: number
}

/** Where a block lies in a seed. */
export interface SeedPlace {
  readonly digest: Digest
  readonly file: number
  readonly offset: number
  readonly length: number
}

const SCHEMA_VERSION = 1
/** Rows of dropped files that one step takes out: some 10 ms. */
const SWEEP_ROWS = 2048

/** Ids are never used again, so rows of a file that was dropped mean nothing and go in small steps. What power loss takes away, is added again. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, identity TEXT NOT NULL, size INTEGER NOT NULL,
    blocks INTEGER NOT NULL DEFAULT 0, added INTEGER NOT NULL, state TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS blocks (
    digest BLOB NOT NULL, file INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    PRIMARY KEY (digest, file)
  ) WITHOUT ROWID;
  UPDATE files SET state = 'dropped' WHERE state = 'adding';
`

const SQL = {
  files: "SELECT id, path, identity, size, blocks, added FROM files WHERE state = 'here' ORDER BY id",
  begin: "INSERT INTO files (path, identity, size, added, state) VALUES (?, ?, ?, ?, 'adding')",
  insert: 'INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?)',
  count: 'UPDATE files SET blocks = blocks + ? WHERE id = ?',
  replace:
    "UPDATE files SET state = 'dropped' WHERE path = (SELECT path FROM files WHERE id = ?) AND id <> ?",
  finish: "UPDATE files SET state = 'here' WHERE id = ?",
  drop: "UPDATE files SET state = 'dropped' WHERE id = ?",
  find: 'SELECT file, offset, length FROM blocks WHERE digest = ? ORDER BY file',
  total: 'SELECT coalesce(sum(blocks), 0) AS total FROM files',
  dropped: "SELECT id FROM files WHERE state = 'dropped'",
  forget: 'DELETE FROM files WHERE id = ?',
  page: 'SELECT digest, file FROM blocks WHERE (digest, file) > (?, ?) ORDER BY digest, file LIMIT ?',
  delete: 'DELETE FROM blocks WHERE digest = ? AND file = ?',
} as const

/** Digest to places in seeds. Synchronous; a look-up takes some µs. Throws what node:sqlite throws. */
export class SeedIndex {
  readonly #db: IndexDatabase<keyof typeof SQL>
  readonly #sql: IndexDatabase<keyof typeof SQL>['statements']

  constructor(path: string) {
    this.#db = new IndexDatabase(path, { version: SCHEMA_VERSION, tables: TABLES, statements: SQL })
    this.#sql = this.#db.statements
  }

  close(): void {
    this.#db.close()
  }

  files(): SeedFile[] {
    return this.#sql.files.all().map((row) => ({
      id: Number(row['id']),
      path: String(row['path']),
      identity: String(row['identity']),
      size: Number(row['size']),
      blocks: Number(row['blocks']),
      addedMs: Number(row['added']),
    }))
  }

  /** Rows, those included that are still to be swept. */
  get blocks(): number {
    return Number(this.#sql.total.get()?.['total'])
  }

  /** A file whose blocks come now: nobody finds them before `finish`, and they are dropped at the next open without it. */
  begin(file: Pick<SeedFile, 'path' | 'identity' | 'size' | 'addedMs'>): number {
    const { path, identity, size, addedMs } = file
    return Number(this.#sql.begin.run(path, identity, size, addedMs).lastInsertRowid)
  }

  insert(places: readonly SeedPlace[]): void {
    const sorted = places.toSorted((a, b) => Buffer.compare(a.digest, b.digest))
    this.#db.transaction(() => {
      for (const { digest, file, offset, length } of sorted) {
        if (this.#sql.insert.run(digest, file, offset, length).changes !== 0) this.#sql.count.run(1, file)
      }
    })
  }

  /** The file counts from now on, in the place of what was added of this path before. */
  finish(id: number): void {
    this.#db.transaction(() => {
      this.#sql.replace.run(id, id)
      this.#sql.finish.run(id)
    })
  }

  drop(id: number): void {
    this.#sql.drop.run(id)
  }

  /** Every place of a block, those of unknown files included. */
  find(digest: Digest): SeedPlace[] {
    return this.#sql.find.all(digest).map((row) => ({
      digest,
      file: Number(row['file']),
      offset: Number(row['offset']),
      length: Number(row['length']),
    }))
  }

  /** Takes the rows of dropped files out, a step at each turn. */
  *sweep(): Generator<void> {
    const dropped = new Set(this.#sql.dropped.all().map((row) => Number(row['id'])))
    if (dropped.size === 0) return
    let [digest, file]: [Uint8Array, number] = [new Uint8Array(0), 0]
    for (;;) {
      const rows = this.#sql.page.all(digest, file, SWEEP_ROWS)
      this.#db.transaction(() => {
        for (const row of rows) {
          digest = row['digest'] as Uint8Array
          file = Number(row['file'])
          if (dropped.has(file)) this.#sql.delete.run(digest, file)
        }
      })
      if (rows.length < SWEEP_ROWS) break
      yield
    }
    this.#db.transaction(() => {
      for (const id of dropped) this.#sql.forget.run(id)
    })
  }
}
