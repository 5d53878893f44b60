import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StateError } from '../core/errors.ts'

const SQLITE_BUSY = 5

/**
 * Keeps a second process (or a second opening in this one) out of a store. The lock is a transaction on a SQLite file that is held for
 * life: the system gives it back when a process dies in any way, so that no lock is ever stale. `lock.pid` only says who holds it.
 */
export class StoreLock {
  readonly #db: DatabaseSync
  readonly #pidFile: string

  private constructor(db: DatabaseSync, pidFile: string) {
    this.#db = db
    this.#pidFile = pidFile
  }

  /** Throws StateError that names the process which has the store open; what node:sqlite and node:fs throw otherwise. */
  static take(dir: string): StoreLock {
    const pidFile = join(dir, 'lock.pid')
    const db = new DatabaseSync(join(dir, 'lock'))
    try {
      db.exec('BEGIN EXCLUSIVE')
      writeFileSync(pidFile, `${process.pid}\n`)
    } catch (error) {
      db.close()
      const errcode = error instanceof Error && 'errcode' in error ? error.errcode : undefined
      if (errcode === SQLITE_BUSY) throw inUse(dir, pidFile)
      throw error
    }
    return new StoreLock(db, pidFile)
  }

  release(): void {
    rmSync(this.#pidFile, { force: true })
    this.#db.close()
  }
}

function inUse(dir: string, pidFile: string): StateError {
  let pid = 0
  try {
    pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
  } catch {
    // The holder has not written it yet; the lock counts, the file only names.
  }
  const who = pid > 0 ? `process ${pid}` : 'another process'
  return new StateError(`the store ${dir} is in use by ${who}`, { data: { dir, pid } })
}
