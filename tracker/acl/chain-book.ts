import type { Kysely } from 'kysely'
import { type Link, payloadDigest, payloadOf } from '../../src/core/chain.ts'
import { type DigestKey, digestKey, digestOf } from '../../src/core/cid.ts'
import { BootswarmError, CertificateError, TamperedError } from '../../src/core/errors.ts'
import { CHAIN_CHECKS_MAX, CHAIN_QUERY_TARGETS, CHAINS_CACHED_MAX } from '../../src/core/limits.ts'
import type { Db } from '../catalog/db.ts'
import type { CatalogSchema } from '../catalog/schema.ts'
import { type ChainRow, insertStatement, newestStatements, statementsBelow } from './chain-rows.ts'
import { ChainRaceError, type ChainTransaction, type ChainTransactions } from './chain-transactions.ts'
import type { Journal, Seen } from './journal.ts'
import type { Opened, Seal } from './seal.ts'

export interface ChainComponents {
  readonly db: Kysely<CatalogSchema>
  readonly seal: Seal
  readonly journal: Journal
  readonly transactions: ChainTransactions
  /** Told of everything that was changed outside the tracker. */
  readonly onTampered: (error: TamperedError) => void
}

export interface ChainInit<T> {
  readonly table: 'acls' | 'records'
  /** `typ` of the tokens. */
  readonly typ: string
  readonly parse: (claims: Record<string, unknown>) => T
  readonly linkOf: (statement: T) => Link
}

/** The newest statement of a target, verified. */
export interface Held<T> {
  readonly statement: T
  /** Of its payload. */
  readonly digest: DigestKey
  /** When the path of its signer ends; 0 where it has. */
  readonly notAfterMs: number
}

interface Cached<T> extends Held<T> {
  readonly tokenDigest: DigestKey
}

/**
 * Chains of one kind: reads the newest statement of a target only after its signature, its place in the chain and the journal
 * have been checked, and appends the next.
 */
export class ChainBook<T> {
  readonly #c: ChainComponents
  readonly #init: ChainInit<T>
  /** By target, least recently used first. */
  readonly #cache = new Map<string, Cached<T>>()

  constructor(components: ChainComponents, init: ChainInit<T>) {
    this.#c = components
    this.#init = init
  }

  /**
   * The newest statement of each target; those without any are left out. Throws TamperedError when one was edited, put back, swapped or
   * removed. In a transaction pass it as `db`.
   */
  async newest(targets: readonly string[], db: Db = this.#c.db): Promise<Map<string, Held<T>>> {
    const found = new Map<string, Held<T>>()
    for (let at = 0; at < targets.length; at += CHAIN_QUERY_TARGETS) {
      const part = targets.slice(at, at + CHAIN_QUERY_TARGETS)
      // Before the query: what is noted while it runs may be newer than what it sees.
      const floors = new Map(part.map((target) => [target, this.#c.journal.newest(target)]))
      const rows = await newestStatements(db, { table: this.#init.table, targets: part })
      const byTarget = new Map(rows.map((row) => [row.target, row]))
      for (const [target, floor] of floors)
        if (floor !== undefined && !byTarget.has(target)) throw this.#tampered(target, 'was removed')
      for (let i = 0; i < rows.length; i += CHAIN_CHECKS_MAX) {
        const checks = rows.slice(i, i + CHAIN_CHECKS_MAX).map(async (row) => {
          found.set(row.target, await this.#check(row, { floor: floors.get(row.target), db }))
        })
        await Promise.all(checks)
      }
    }
    if (db === this.#c.db) this.#learn(found)
    return found
  }

  /** Signs and appends a statement. Throws ChainRaceError when its number is taken by now. */
  async append(trx: ChainTransaction, statement: T): Promise<void> {
    const { target, serial, iat } = this.#init.linkOf(statement)
    const payload = new TextEncoder().encode(JSON.stringify(statement))
    const token = await this.#c.seal.sign(payload, { typ: this.#init.typ })
    const row = { target, version: serial, token, created_at: iat * 1000 }
    if (!(await insertStatement(trx, { table: this.#init.table, row })))
      throw new ChainRaceError(`${target} was changed by somebody else at the same moment: try again`)
    this.#c.transactions.appended(trx, { target, serial, digest: digestKey(digestOf(payload)) })
  }

  /** Puts what was seen into the journal. What fails there is told again by the next change, which waits for it. */
  #learn(found: ReadonlyMap<string, Held<T>>): void {
    const seen: Seen[] = []
    for (const [target, { statement, digest }] of found)
      seen.push({ target, serial: this.#init.linkOf(statement).serial, digest })
    this.#c.journal.note(seen).catch(() => {})
  }

  async #check(row: ChainRow, init: { floor: Seen | undefined; db: Db }): Promise<Held<T>> {
    const tokenDigest = digestKey(digestOf(Buffer.from(row.token)))
    const known = this.#cache.get(row.target)
    const held =
      known?.tokenDigest === tokenDigest ? known : await this.#verify(row, { ...init, tokenDigest })
    const { serial } = this.#init.linkOf(held.statement)
    const { floor } = init
    if (serial !== row.version) throw this.#tampered(row.target, 'was renumbered')
    if (floor !== undefined && serial < floor.serial)
      throw this.#tampered(row.target, `was put back: number ${floor.serial} was there, now it is ${serial}`)
    if (floor !== undefined && serial === floor.serial && held.digest !== floor.digest)
      throw this.#tampered(row.target, `was replaced: there was another number ${serial}`)
    this.#cache.delete(row.target)
    this.#cache.set(row.target, held)
    if (this.#cache.size > CHAINS_CACHED_MAX) this.#cache.delete(this.#cache.keys().next().value ?? '')
    return held
  }

  async #verify(
    row: ChainRow,
    init: { floor: Seen | undefined; db: Db; tokenDigest: DigestKey },
  ): Promise<Cached<T>> {
    const { floor, db, tokenDigest } = init
    const digest = payloadDigest(row.token)
    try {
      const { claims, notAfterMs } = await this.#open(row.token, digest === floor?.digest)
      const statement = this.#init.parse(claims)
      const link = this.#init.linkOf(statement)
      if (link.target !== row.target) throw this.#tampered(row.target, `is that of ${link.target}`)
      if (floor !== undefined && link.serial > floor.serial) await this.#checkSince(floor, { link, db })
      return { statement, digest, notAfterMs, tokenDigest }
    } catch (error) {
      if (error instanceof TamperedError || !(error instanceof BootswarmError)) throw error
      if (error.code === 'E_STORAGE' || error.code === 'E_STORAGE_FULL') throw error
      throw this.#tampered(row.target, `does not verify: ${error.message}`)
    }
  }

  /**
   * The claims of a token. A certificate that has expired was good when it signed, and one that is good no longer does not matter
   * where the journal knows the payload.
   */
  async #open(token: string, isSeen: boolean): Promise<Opened> {
    const { typ } = this.#init
    try {
      return await this.#c.seal.open(token, { typ })
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error
      if (!isSeen && error.data['reason'] !== 'expired') throw error
      const claims = JSON.parse(Buffer.from(payloadOf(token)).toString('utf8')) as Record<string, unknown>
      if (isSeen) return { claims, notAfterMs: 0 }
      const atMs = Number(claims['iat']) * 1000
      return { ...(await this.#c.seal.open(token, { typ, atMs })), notAfterMs: 0 }
    }
  }

  /** Each statement names the one before it, down to the one that was seen, or to a repair. */
  async #checkSince(floor: Seen, { link, db }: { link: Link; db: Db }): Promise<void> {
    let above = link
    while (!above.repaired && above.serial > floor.serial + 1) {
      const init = { table: this.#init.table, target: link.target, below: above.serial, above: floor.serial }
      const page = await statementsBelow(db, init)
      if (page.length === 0) break
      for (const row of page) {
        if (row.version !== above.serial - 1 || payloadDigest(row.token) !== above.previous)
          throw this.#tampered(link.target, `has a gap or an edited version below number ${above.serial}`)
        above = this.#init.linkOf(this.#init.parse(JSON.parse(Buffer.from(payloadOf(row.token)).toString())))
        if (above.repaired) return
      }
    }
    if (above.repaired) return
    if (above.serial !== floor.serial + 1 || above.previous !== floor.digest)
      throw this.#tampered(link.target, `does not follow number ${floor.serial}, which was there`)
  }

  #tampered(target: string, what: string): TamperedError {
    const noun = this.#init.table === 'acls' ? 'the ACL of' : 'the record chain'
    const error = new TamperedError(
      `${noun} ${target} ${what}: it was changed outside the tracker, and nothing is decided by it until an admin has looked (bootswarm tracker acl-repair)`,
      { data: { target } },
    )
    this.#c.onTampered(error)
    return error
  }
}
