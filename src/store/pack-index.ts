import type { Digest } from '../core/cid.ts'
import type { Codec } from '../core/frame.ts'
import { IndexDatabase } from '../util/index-database.ts'
import type { Location, PackedEntry } from './pack-entry.ts'
import { PackTally } from './pack-tally.ts'
import { type Batch, WaitingEntries } from './waiting-entries.ts'

export interface PackRow {
  readonly id: number
  /** Every entry before it is in the index or dead. */
  readonly end: number
  readonly blocks: number
  /** Bytes of the entries in the index, with their headers. */
  readonly live: number
  /** Being removed by compaction: nothing in it counts any more. */
  readonly doomed: boolean
}

/**
 * Rows that wait in memory. One transaction for so many, in the order of the table, writes fewer pages than one for each put; more at once would hold the event loop for longer than 20 ms.
 * Until then their entries count as not indexed, and are found again at open.
 */
const WAITING_MAX = 1024
/** Time after which waiting rows are written although they are few, so that little is to be done at the next open. */
const WAITING_MS = 1000

/** Version of the schema; an index of another version is made anew from the packs. */
const SCHEMA_VERSION = 1

/** The entries that lost commits spoke of are found again at open. A checkpoint every 16 MB of log. */
const TABLES = `
  PRAGMA wal_autocheckpoint = 4096;
  CREATE TABLE IF NOT EXISTS packs (
    id INTEGER PRIMARY KEY, end INTEGER NOT NULL, blocks INTEGER NOT NULL DEFAULT 0, stored INTEGER NOT NULL DEFAULT 0,
    live INTEGER NOT NULL DEFAULT 0, doomed INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE IF NOT EXISTS blocks (
    digest BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL, codec INTEGER NOT NULL,
    length INTEGER NOT NULL, stored INTEGER NOT NULL
  ) WITHOUT ROWID;
`

const SQL = {
  find: 'SELECT pack, offset, codec, length, stored FROM blocks WHERE digest = ?',
  has: 'SELECT 1 FROM blocks WHERE digest = ?',
  add: 'INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)',
  drop: 'DELETE FROM blocks WHERE digest = ? RETURNING pack, stored',
  dropAt: 'DELETE FROM blocks WHERE digest = ? AND pack = ? AND offset = ? RETURNING pack, stored',
  move: 'UPDATE blocks SET pack = ?, offset = ? WHERE digest = ? AND pack = ? AND offset = ?',
  page: 'SELECT digest FROM blocks WHERE digest > ? ORDER BY digest LIMIT ?',
  ofPack:
    'SELECT digest, offset, codec, length, stored FROM blocks WHERE pack = ? AND digest > ? ORDER BY digest LIMIT ?',
  packs: 'SELECT id, end, blocks, live, doomed FROM packs ORDER BY id',
  pack: 'SELECT id, end, blocks, live, doomed FROM packs WHERE id = ?',
  addPack: 'INSERT OR IGNORE INTO packs (id, end) VALUES (?, ?)',
  setEnd: 'UPDATE packs SET end = ? WHERE id = ?',
  count: 'UPDATE packs SET blocks = blocks + ?, stored = stored + ?, live = live + ? WHERE id = ?',
  doom: 'UPDATE packs SET doomed = 1 WHERE id = ?',
  forget: 'DELETE FROM packs WHERE id = ?',
  forgetBlocks: 'DELETE FROM blocks WHERE pack = ?',
  total: 'SELECT coalesce(sum(blocks), 0), coalesce(sum(stored), 0) FROM packs WHERE doomed = 0',
} as const

type Numbers = number[]

/**
 * The index of a pack store: digest to place. Synchronous; a look-up takes some µs. Throws what node:sqlite throws.
 * New rows wait in memory for company; every method sees them.
 */
export class PackIndex {
  readonly #db: IndexDatabase<keyof typeof SQL>
  readonly #sql: IndexDatabase<keyof typeof SQL>['statements']
  readonly #waiting = new WaitingEntries()
  #timer: NodeJS.Timeout | undefined
  /** Grows with every change that takes blocks out. */
  removals = 0
  /** Grows with every change that gives blocks another place. */
  moves = 0
  /** Called before waiting rows are written: what they speak of must be on the disk when it returns. */
  beforeWrite = () => {}
  /** Called when rows have waited for long enough: somebody should `flush`. */
  whenDue = () => this.#tryFlush()

  constructor(path: string) {
    this.#db = new IndexDatabase(path, { version: SCHEMA_VERSION, tables: TABLES, statements: SQL })
    this.#sql = this.#db.statements
    for (const statement of Object.values(this.#sql)) statement.setReturnArrays(true)
  }

  close(): void {
    try {
      this.flush()
    } finally {
      clearTimeout(this.#timer)
      this.#db.close()
    }
  }

  has(digest: Digest): boolean {
    return this.#waiting.has(digest) || this.#sql.has.get(digest) !== undefined
  }

  find(digest: Digest): Location | undefined {
    const waiting = this.#waiting.find(digest)
    if (waiting !== undefined) return waiting
    const row = this.#sql.find.get(digest) as unknown as Numbers | undefined
    if (row === undefined) return undefined
    const [pack = 0, offset = 0, codec = 0, length = 0, stored = 0] = row
    return { pack, offset, codec: codec as Codec, length, stored }
  }

  /** Whether the next insert writes what waits. */
  get isFull(): boolean {
    return this.#waiting.freshCount >= WAITING_MAX
  }

  /** What waits now is about to be synced by the caller; `writeCovered` then writes its rows. */
  cover(): void {
    this.#waiting.cover()
  }

  /** Writes the rows that waited at the last `cover`, as far as they still wait. When that fails they go on waiting. */
  writeCovered(): void {
    const { covered } = this.#waiting
    if (covered.ends.size === 0) return
    this.#db.transaction(() => this.#writeRows(covered))
    this.#waiting.clearCovered()
  }

  /** Takes back the rows that wait: the disk has lost their entries. */
  forgetWaiting(): void {
    this.#waiting.clear()
    this.removals++
  }

  /** Writes what waits. When that fails it goes on waiting. */
  flush(): void {
    const { batches } = this.#waiting
    if (batches.length === 0) return
    this.beforeWrite()
    this.#db.transaction(() => {
      for (const batch of batches) this.#writeRows(batch)
    })
    this.#waiting.clear()
  }

  #writeRows({ rows, ends }: Batch): void {
    for (const [pack, end] of ends) {
      this.#sql.addPack.run(pack, end)
      this.#sql.setEnd.run(end, pack)
    }
    const tally = new PackTally()
    for (const row of rows.sorted()) {
      const location = rows.at(row)
      const { pack, offset, codec, length, stored } = location
      this.#sql.add.run(rows.digestAt(row), pack, offset, codec, length, stored)
      tally.count(location, 1)
    }
    this.#write(tally)
  }

  /** Up to `count` digests that follow `after` in order. */
  page(after: Digest, count: number): Digest[] {
    this.flush()
    return (this.#sql.page.all(after, count) as unknown as [Digest][]).map(([digest]) => digest)
  }

  /** As `page`, the entries of one pack. Reads the whole index: for repairs. */
  entriesOf(pack: number, after: Digest, count: number): PackedEntry[] {
    this.flush()
    const rows = this.#sql.ofPack.all(pack, after, count) as unknown as [
      Digest,
      number,
      Codec,
      number,
      number,
    ][]
    return rows.map(([digest, offset, codec, length, stored]) => ({ digest, offset, codec, length, stored }))
  }

  packs(): PackRow[] {
    this.flush()
    return (this.#sql.packs.all() as unknown as Numbers[]).map(packRow)
  }

  pack(id: number): PackRow | undefined {
    this.flush()
    const row = this.#sql.pack.get(id) as unknown as Numbers | undefined
    return row && packRow(row)
  }

  totals(): { blocks: number; storedBytes: number } {
    const [blocks = 0, storedBytes = 0] = this.#sql.total.get() as unknown as Numbers
    return { blocks: blocks + this.#waiting.count, storedBytes: storedBytes + this.#waiting.storedBytes }
  }

  /** Adds entries of a pack and says how far it is indexed now. A digest that is known already keeps its place. */
  insert(pack: number, entries: readonly PackedEntry[], end: number): void {
    if (this.isFull) this.flush()
    for (const { digest, offset, codec, length, stored } of entries) {
      if (!this.has(digest)) this.#waiting.add(digest, { pack, offset, codec, length, stored })
    }
    this.#waiting.ended(pack, end)
    this.#timer ??= setTimeout(() => this.#flushLater(), WAITING_MS).unref()
  }

  #flushLater(): void {
    this.#timer = undefined
    if (this.#waiting.batches.length > 0) this.whenDue()
  }

  #tryFlush(): void {
    try {
      this.flush()
    } catch {
      // Nothing is lost: who writes next meets the same failure and reports it.
    }
  }

  #write(tally: PackTally): void {
    for (const [pack, { blocks, stored, live }] of tally.packs)
      this.#sql.count.run(blocks, stored, live, pack)
  }

  /** Takes digests out; returns how many there were. */
  delete(digests: readonly Digest[]): number {
    return this.#remove(digests, (digest) => this.#sql.drop.get(digest))
  }

  /** As `delete`, only what is still at that place. */
  deleteEntries(pack: number, entries: readonly PackedEntry[]): number {
    return this.#remove(entries, ({ digest, offset }) => this.#sql.dropAt.get(digest, pack, offset))
  }

  /** Points entries of `from` to their copies at `offsets` in `to`, as far as they are still where they were; returns how many. */
  move(
    way: { from: number; to: number; end: number },
    entries: readonly PackedEntry[],
    offsets: readonly number[],
  ): number {
    const { from, to, end } = way
    const tally = new PackTally()
    let moved = 0
    this.flush()
    this.moves++
    this.#db.transaction(() => {
      this.#sql.addPack.run(to, end)
      this.#sql.setEnd.run(end, to)
      entries.forEach((entry, i) => {
        const offset = offsets[i]
        if (offset === undefined) return
        if (this.#sql.move.run(to, offset, entry.digest, from, entry.offset).changes === 0) return
        tally.count({ pack: from, stored: entry.stored }, -1)
        tally.count({ pack: to, stored: entry.stored }, 1)
        moved++
      })
      this.#write(tally)
    })
    return moved
  }

  /** Compaction is about to remove the pack's file; done again at open when it does not come to it. */
  doom(pack: number): void {
    this.flush()
    this.#sql.doom.run(pack)
  }

  /** The pack's file is gone; returns how many blocks go with it. */
  forget(pack: number): number {
    const blocks = this.pack(pack)?.blocks ?? 0
    this.removals++
    this.#db.transaction(() => {
      if (blocks > 0) this.#sql.forgetBlocks.run(pack)
      this.#sql.forget.run(pack)
    })
    return blocks
  }

  #remove<T>(items: readonly T[], drop: (item: T) => unknown): number {
    const tally = new PackTally()
    let removed = 0
    this.flush()
    this.removals++
    this.#db.transaction(() => {
      for (const item of items) {
        const row = drop(item) as Numbers | undefined
        if (row === undefined) continue
        const [pack = 0, stored = 0] = row
        tally.count({ pack, stored }, -1)
        removed++
      }
      this.#write(tally)
    })
    return removed
  }
}

function packRow([id = 0, end = 0, blocks = 0, live = 0, doomed = 0]: Numbers): PackRow {
  return { id, end, blocks, live, doomed: doomed === 1 }
}
