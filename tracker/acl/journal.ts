import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import type { DigestKey } from '../../src/core/cid.ts'
import { StorageError } from '../../src/core/errors.ts'
import { JOURNAL_LINE_BYTES_MAX } from '../../src/core/registry-limits.ts'

/** The newest statement of a target that this tracker has seen. */
export interface Seen {
  readonly target: string
  readonly serial: number
  readonly digest: DigestKey
}

/** First line of the file. */
const HEADING = 'bootswarm journal of chains, version 1\n'
/** What stands in the place of a target where all have been seen. */
const COMPLETE = 'complete'
const NO_DIGEST = '0'.repeat(64) as DigestKey
/** Lines that a file may have beyond one for each target before it is written anew at the next opening. */
const SPARE_LINES = 10_000

/**
 * What a tracker has seen of all chains, outside of the database: one line `TARGET SERIAL DIGEST` for each new statement, in a file of
 * its own. A database in which something older stands than here was put back or edited.
 */
export class Journal {
  readonly #seen: Map<string, Seen>
  readonly #file: FileHandle
  /** Lines that wait for the next write. */
  #lines: string[] = []
  #writing: Promise<void> = Promise.resolve()
  #isNew: boolean

  private constructor(file: FileHandle, init: { seen: Map<string, Seen>; isNew: boolean }) {
    this.#file = file
    this.#seen = init.seen
    this.#isNew = init.isNew
  }

  /** Reads the file, or makes it. Throws StorageError when it is damaged anywhere but at its torn end. */
  static async open(path: string): Promise<Journal> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    const { seen, lines, complete } = parse(text, path)
    if (!complete || lines > seen.size + SPARE_LINES) await rewrite(path, seen)
    const journal = new Journal(await open(path, 'a', 0o600), { seen, isNew: lines === 0 })
    return journal
  }

  /** Whether there was no journal when it was opened: what the database has then counts as the first that was seen. */
  get isNew(): boolean {
    return this.#isNew
  }

  get targets(): Iterable<string> {
    return [...this.#seen.keys()].filter((target) => target !== COMPLETE)
  }

  /** Whether all chains of the database have been read since the journal was begun. */
  get isComplete(): boolean {
    return this.#seen.has(COMPLETE)
  }

  /** All chains have been read. */
  async complete(): Promise<void> {
    await this.note([{ target: COMPLETE, serial: 1, digest: NO_DIGEST }])
  }

  newest(target: string): Seen | undefined {
    return this.#seen.get(target)
  }

  /**
   * Remembers statements that are newer than what was seen of their targets; resolves when they survive a crash.
   * Throws StorageError.
   */
  async note(statements: readonly Seen[]): Promise<void> {
    const fresh = statements.filter(({ target, serial }) => serial > (this.#seen.get(target)?.serial ?? 0))
    if (fresh.length === 0) return
    for (const one of fresh) {
      this.#seen.set(one.target, one)
      this.#lines.push(lineOf(one))
    }
    // Whoever comes while a write is under way joins the next one.
    const before = this.#writing
    const mine = before.then(() => this.#flush())
    this.#writing = mine.catch(() => {})
    await mine
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }

  async #flush(): Promise<void> {
    const lines = this.#lines
    if (lines.length === 0) return
    this.#lines = []
    try {
      await this.#file.appendFile(lines.join(''))
      await this.#file.datasync()
    } catch (cause) {
      this.#lines = [...lines, ...this.#lines]
      throw new StorageError('the journal of chains cannot be written', { cause })
    }
  }
}

function lineOf({ target, serial, digest }: Seen): string {
  return `${target} ${serial} ${digest}\n`
}

function parse(text: string, path: string) {
  const seen = new Map<string, Seen>()
  if (text === '') return { seen, lines: 0, complete: false }
  if (!text.startsWith(HEADING)) throw damaged(path, 1)
  const lines = text.slice(HEADING.length).split('\n')
  // What follows the last line feed was cut off while it was written.
  const torn = lines.pop()
  lines.forEach((line, i) => {
    const match = /^(\S{1,300}) ([1-9][0-9]{0,14}) ([0-9a-f]{64})$/.exec(
      line.slice(0, JOURNAL_LINE_BYTES_MAX),
    )
    const [, target, serial, digest] = match ?? []
    if (target === undefined) throw damaged(path, i + 2)
    seen.set(target, { target, serial: Number(serial), digest: digest as DigestKey })
  })
  return { seen, lines: lines.length, complete: torn === '' }
}

function damaged(path: string, line: number): StorageError {
  return new StorageError(
    `${path} is damaged in line ${line}. Compare the database with a backup first; then move the file away, and the tracker begins a new one from what the database has`,
  )
}

async function rewrite(path: string, seen: ReadonlyMap<string, Seen>): Promise<void> {
  const partial = `${path}.partial`
  const file = await open(partial, 'w', 0o600)
  try {
    await file.writeFile([HEADING, ...[...seen.values()].map(lineOf)].join(''))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
}
