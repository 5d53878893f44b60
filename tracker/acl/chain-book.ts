import type { Kysely } from 'kysely'
import { type Link, payloadDigest } from '../../src/core/chain.ts'
import { type DigestKey, digestKey, digestOf } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { BootswarmError, CertificateError, InvalidError, TamperedError } from '../../src/core/errors.ts'
import { CHAIN_CHECKS_MAX, CHAIN_QUERY_TARGETS, CHAINS_CACHED_MAX } from '../../src/core/registry-limits.ts'
import type { Db } from '../catalog/db.ts'
import type { CatalogSchema } from '../catalog/schema.ts'
import {
  type ChainRow,
  insertStatement,
  newestStatements,
  statementsAfter,
  statementsBelow,
} from './chain-rows.ts'
import { ChainRaceError, type ChainTransaction, type ChainTransactions } from './chain-transactions.ts'
import { claimsOf, signedAtMs } from './claims.ts'
import type { Journal, Seen } from './journal.ts'
import { isRenewable, renew } from './renewal.ts'
import type { Opened, Seal } from './seal.ts'

export interface ChainComponents {
  readonly db: Kysely<CatalogSchema>
  readonly seal: Seal
  readonly journal: Journal
  readonly transactions: ChainTransactions
  readonly clock: Clock
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

/** A statement and the octets that are signed for it. */
export interface Encoded<T> {
  readonly statement: T
  readonly payload: Uint8Array
  readonly digest: DigestKey
}

interface Cached<T> extends Held<T> {
  readonly tokenDigest: DigestKey
}

/**
 * Chains of one kind: reads the newest statement of a target only after its signature, its place in the chain and the journal
 * have been checked, and appends the next.
 */
export class ChainBook<T extends object> {
  readonly #c: ChainComponents
  readonly init: ChainInit<T>
  /** By target, least recently used first. */
  readonly #cache = new Map<string, Cached<T>>()

  constructor(components: ChainComponents, init: ChainInit<T>) {
    this.#c = components
    this.init = init
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
      const rows = await newestStatements(db, { table: this.init.table, targets: part })
      const byTarget = new Map(rows.map((row) => [row.target, row]))
      for (const [target, floor] of floors)
        if (floor !== undefined && !byTarget.has(target)) throw this.tampered(target, 'was removed')
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

  /**
   * The JWS of a statement that was verified; signed anew where the certificate of its signer ends, or is not good any more.
   * Throws TamperedError when it has gone since.
   */
  async token({ statement, digest, notAfterMs }: Held<T>): Promise<string> {
    const { table, linkOf } = this.init
    const { target, serial } = linkOf(statement)
    const [row] = await statementsAfter(this.#c.db, { table, target, after: serial - 1, limit: 1 })
    if (row?.version !== serial || payloadDigest(row.token) !== digest)
      throw this.tampered(target, 'was replaced')
    const isDue = notAfterMs === 0 || isRenewable(this.#c, row.token)
    return isDue ? await renew(this.#c, { ...row, table }) : row.token
  }

  /** The octets that are signed for a statement, in the one order of its fields. Throws InvalidError for what could not be read back. */
  encode(claims: T): Encoded<T> {
    const statement = this.init.parse({ ...claims } as Record<string, unknown>)
    const payload = new TextEncoder().encode(JSON.stringify(statement))
    return { statement, payload, digest: digestKey(digestOf(payload)) }
  }

  async sign({ payload }: Encoded<T>): Promise<string> {
    return await this.#c.seal.sign(payload, { typ: this.init.typ })
  }

  /** Signs and appends a statement. Throws ChainRaceError when its number is taken by now. */
  async append(trx: ChainTransaction, statement: T): Promise<void> {
    const encoded = this.encode(statement)
    await this.put(trx, encoded, await this.sign(encoded))
  }

  /** Appends a statement that was signed. Throws ChainRaceError when its number is taken by now. */
  async put(trx: ChainTransaction, { statement, digest }: Encoded<T>, token: string): Promise<void> {
    const { target, serial, iat } = this.init.linkOf(statement)
    const row = { target, version: serial, token, created_at: iat * 1000 }
    if (!(await insertStatement(trx, { table: this.init.table, row })))
      throw new ChainRaceError(`${target} was changed by somebody else at the same moment: try again`)
    this.#c.transactions.appended(trx, { target, serial, digest })
  }

  /**
   * What a chain says up to a statement that was verified, oldest first, from the start or after one that was read before.
   * Throws TamperedError when the statements between do not lead there.
   */
  async *since(
    newest: Held<T>,
    init: { after: Pick<Seen, 'serial' | 'digest'> | undefined; db?: Db | undefined },
  ): AsyncGenerator<{ statement: T; digest: DigestKey }> {
    const { target, serial: last } = this.init.linkOf(newest.statement)
    const { table } = this.init
    let { serial, digest }: { serial: number; digest: DigestKey | null } = init.after ?? {
      serial: 0,
      digest: null,
    }
    while (serial < last) {
      const page = await statementsAfter(init.db ?? this.#c.db, { table, target, after: serial })
      if (page.length === 0) break
      for (const row of page) {
        const statement = this.#parseSigned(row)
        const link = this.init.linkOf(statement)
        if (link.previous !== digest || link.serial !== row.version) throw this.tampered(target, `has a gap`)
        serial = link.serial
        digest = payloadDigest(row.token)
        yield { statement, digest }
        if (serial >= last) break
      }
    }
    if (digest !== newest.digest) throw this.tampered(target, 'has a gap')
  }

  /** Whether a statement that was read before is still where it was; a repair may have taken it away. */
  async has(target: string, { serial, digest }: Pick<Seen, 'serial' | 'digest'>, db?: Db): Promise<boolean> {
    const init = { table: this.init.table, target, after: serial - 1 }
    const [row] = await statementsAfter(db ?? this.#c.db, { ...init, limit: 1 })
    return row?.version === serial && payloadDigest(row.token) === digest
  }

  /** Puts what was seen into the journal. What fails there is told again by the next change, which waits for it. */
  #learn(found: ReadonlyMap<string, Held<T>>): void {
    const seen: Seen[] = []
    for (const [target, { statement, digest }] of found)
      seen.push({ target, serial: this.init.linkOf(statement).serial, digest })
    this.#c.journal.note(seen).catch(() => {})
  }

  async #check(row: ChainRow, init: { floor: Seen | undefined; db: Db }): Promise<Held<T>> {
    const tokenDigest = digestKey(digestOf(Buffer.from(row.token)))
    const known = this.#cache.get(row.target)
    const held =
      known?.tokenDigest === tokenDigest ? known : await this.#verify(row, { ...init, tokenDigest })
    const { serial } = this.init.linkOf(held.statement)
    const { floor } = init
    if (serial !== row.version) throw this.tampered(row.target, 'was renumbered')
    if (floor !== undefined && serial < floor.serial)
      throw this.tampered(row.target, `was put back: number ${floor.serial} was there, now it is ${serial}`)
    if (floor !== undefined && serial === floor.serial && held.digest !== floor.digest)
      throw this.tampered(row.target, `was replaced: there was another number ${serial}`)
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
      const mayBeExpired = !this.#c.journal.isComplete
      const { claims, notAfterMs } = await this.#open(row.token, {
        isSeen: digest === floor?.digest,
        mayBeExpired,
      })
      const statement = this.init.parse(claims)
      const link = this.init.linkOf(statement)
      if (link.target !== row.target) throw this.tampered(row.target, `is that of ${link.target}`)
      if (floor !== undefined && link.serial > floor.serial) await this.#checkSince(floor, { link, db })
      return { statement, digest, notAfterMs, tokenDigest }
    } catch (error) {
      if (error instanceof TamperedError || !(error instanceof BootswarmError)) throw error
      if (error.code === 'E_STORAGE' || error.code === 'E_STORAGE_FULL') throw error
      throw this.tampered(row.target, `does not verify: ${error.message}`)
    }
  }

  /** A statement whose signature is good, wherever it stands in a chain. Errors: SignatureError, CertificateError, InvalidError. */
  async verify(token: string): Promise<T> {
    return this.init.parse((await this.#open(token, { isSeen: false, mayBeExpired: true })).claims)
  }

  /**
   * The claims of a token. Whose certificate signed it does not matter where the journal knows the payload. Otherwise one that has expired
   * counts as of its signature only while this tracker has not seen everything: later, whoever has its key could still sign.
   */
  async #open(token: string, init: { isSeen: boolean; mayBeExpired: boolean }): Promise<Opened> {
    const { isSeen, mayBeExpired } = init
    const { typ } = this.init
    try {
      return await this.#c.seal.open(token, { typ })
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error
      if (!isSeen && !(mayBeExpired && error.data['reason'] === 'expired')) throw error
      const claims = claimsOf(token)
      if (isSeen) return { claims, notAfterMs: 0 }
      const atMs = signedAtMs(claims)
      return { ...(await this.#c.seal.open(token, { typ, atMs })), notAfterMs: 0 }
    }
  }

  /** Each statement names the one before it, down to the one that was seen, or to a repair. */
  async #checkSince(floor: Seen, { link, db }: { link: Link; db: Db }): Promise<void> {
    let above = link
    while (!above.repaired && above.serial > floor.serial + 1) {
      const init = { table: this.init.table, target: link.target, below: above.serial, above: floor.serial }
      const page = await statementsBelow(db, init)
      if (page.length === 0) break
      for (const row of page) {
        if (row.version !== above.serial - 1 || payloadDigest(row.token) !== above.previous)
          throw this.tampered(link.target, `has a gap or an edited version below number ${above.serial}`)
        above = this.init.linkOf(this.#parseSigned(row))
        if (above.repaired) return
      }
    }
    if (above.repaired) return
    if (above.serial !== floor.serial + 1 || above.previous !== floor.digest)
      throw this.tampered(link.target, `does not follow number ${floor.serial}, which was there`)
  }

  /** Claims of a statement that a verified one names by its digest, so that its signature need not be looked at. */
  #parseSigned({ target, token }: ChainRow): T {
    try {
      return this.init.parse(claimsOf(token))
    } catch (error) {
      if (error instanceof InvalidError) throw this.tampered(target, 'has a statement that cannot be read')
      throw error
    }
  }

  /** The error, and the alarm, for something that was changed outside the tracker. */
  tampered(target: string, what: string): TamperedError {
    const noun = this.init.table === 'acls' ? 'the ACL of' : 'the chain'
    const error = new TamperedError(
      `${noun} ${target} ${what}: it was changed outside the tracker, and nothing is decided by it until an admin has looked (bootswarm tracker acl-repair)`,
      { data: { target } },
    )
    this.#c.onTampered(error)
    return error
  }
}
