import { payloadDigest } from '../../src/core/chain.ts'
import type { DigestKey } from '../../src/core/cid.ts'
import { ConflictError, SignatureError } from '../../src/core/errors.ts'
import {
  type ImageRecord,
  linkOfRecord,
  parseRecord,
  parseRecordStatement,
  RECORD_TYPE,
  type RecordFacts,
  type RecordStatement,
  type Removal,
  recordTarget,
} from '../../src/core/record.ts'
import { RecordStanding } from '../../src/core/record-standing.ts'
import { CHAIN_CHECKS_MAX, RECORD_CHAINS_CACHED_MAX } from '../../src/core/registry-limits.ts'
import type { Db } from '../catalog/db.ts'
import { ChainBook, type ChainComponents, type Encoded } from './chain-book.ts'
import { ChainRaceError, type ChainTransaction } from './chain-transactions.ts'
import { claimsOf } from './claims.ts'
import { isRenewable, renew } from './renewal.ts'

/** What is to be said next about an image. */
export type NewStatement = RecordFacts | Pick<Removal, 'event' | 'version'>

/** Statements that are signed and wait for the transaction that they belong to. */
export interface PreparedRecords {
  readonly statements: readonly Encoded<RecordStatement>[]
  /** Their JWS, in order. */
  readonly tokens: readonly string[]
}

/** A row of a version, as far as its record speaks of it. */
export interface RecordedRow {
  readonly uuid: string
  readonly namespace: string
  readonly name: string
  readonly version: number
  readonly manifest: string
  readonly size: number
  readonly sha256: string | null
  readonly publisher: string
  readonly record: string
}

/** The statement that others are appended to. */
interface After {
  readonly serial: number
  readonly digest: DigestKey | null
  readonly iat: number
  /** Whether the first of the others goes on after a loss. */
  readonly repaired: boolean
}
const FIRST = { serial: 0, iat: 0 }

/** What a chain comes to, up to a statement. */
interface Standing {
  readonly head: DigestKey
  readonly serial: number
  readonly standing: RecordStanding
}

/** Readings of rows and chains before a difference between them counts: a change may come between the two. */
const READS_MAX = 3

/** Records: one chain for each image, whatever its name. */
export class RecordBook {
  readonly #c: ChainComponents
  readonly chains: ChainBook<RecordStatement>
  /** By target, least recently used first. */
  readonly #standings = new Map<string, Standing>()

  constructor(components: ChainComponents) {
    this.#c = components
    this.chains = new ChainBook(components, {
      table: 'records',
      typ: RECORD_TYPE,
      parse: parseRecordStatement,
      linkOf: linkOfRecord,
    })
  }

  /**
   * Signs statements about an image, for `put`. Long lists are prepared before the transaction.
   * Errors: TamperedError.
   */
  async prepare(uuid: string, news: readonly NewStatement[], db?: Db): Promise<PreparedRecords> {
    const held = (await this.chains.newest([recordTarget(uuid)], db)).get(recordTarget(uuid))
    const after = { ...FIRST, ...held?.statement, digest: held?.digest ?? null, repaired: false }
    return await this.#sign(this.#placed(uuid, { news, after }))
  }

  async #sign(statements: readonly Encoded<RecordStatement>[]): Promise<PreparedRecords> {
    const tokens: string[] = []
    for (let i = 0; i < statements.length; i += CHAIN_CHECKS_MAX) {
      const part = statements.slice(i, i + CHAIN_CHECKS_MAX)
      tokens.push(...(await Promise.all(part.map((statement) => this.chains.sign(statement)))))
    }
    return { statements, tokens }
  }

  /** Appends what was prepared. Throws ConflictError (data: `again` true) when something else was said about the image since. */
  async put(trx: ChainTransaction, prepared: PreparedRecords): Promise<void> {
    try {
      for (const [i, statement] of prepared.statements.entries())
        await this.chains.put(trx, statement, prepared.tokens[i] ?? '')
    } catch (error) {
      if (!(error instanceof ChainRaceError)) throw error
      throw new ConflictError('the image changed meanwhile: try again', {
        data: { again: true },
        cause: error,
      })
    }
  }

  /** Signs and appends after a statement that need not be the newest: for repairs, which know what they do. */
  async appendAfter(
    trx: ChainTransaction,
    uuid: string,
    init: { news: readonly NewStatement[]; after: After },
  ): Promise<readonly string[]> {
    const { statements, tokens } = await this.#sign(this.#placed(uuid, init))
    for (const [i, statement] of statements.entries()) await this.chains.put(trx, statement, tokens[i] ?? '')
    return tokens
  }

  /** Signs and appends within a transaction, which starts again when another tracker is faster. Returns the JWS of each. */
  async append(
    trx: ChainTransaction,
    uuid: string,
    news: readonly NewStatement[],
  ): Promise<readonly string[]> {
    const { statements, tokens } = await this.prepare(uuid, news, trx)
    for (const [i, statement] of statements.entries()) await this.chains.put(trx, statement, tokens[i] ?? '')
    return tokens
  }

  /** The image is gone, with every version. */
  async end(trx: ChainTransaction, uuid: string): Promise<void> {
    const target = recordTarget(uuid)
    if ((await this.chains.newest([target], trx)).has(target))
      await this.append(trx, uuid, [{ event: 'end', version: null }])
  }

  /**
   * The rows that `read` finds, when each is what the chain of its image says of its version now. What changes between the reading of rows
   * and chains is read again. Throws TamperedError when a row was edited, put back, or made outside the tracker.
   */
  async checked<R extends RecordedRow>(read: () => Promise<R[]>): Promise<R[]> {
    for (let attempt = 1; ; attempt++) {
      const rows = await read()
      const wrong = await this.#firstWrong(rows)
      if (wrong === undefined) return await Promise.all(rows.map((row) => this.#fresh(row)))
      if (attempt < READS_MAX) continue
      const named = `${wrong.namespace}/${wrong.name}@${wrong.version}`
      throw this.chains.tampered(recordTarget(wrong.uuid), `says something else than the row of ${named}`)
    }
  }

  /**
   * Reads the chain of an image from its start and compares it with the rows of its versions. Returns what is wrong with these, undefined
   * when nothing is. `onStatement` is called for each statement. Throws TamperedError when the chain itself is wrong.
   */
  async compare(uuid: string, onStatement: () => void): Promise<string | undefined> {
    for (let attempt = 1; ; attempt++) {
      const target = recordTarget(uuid)
      const held = (await this.chains.newest([target])).get(target)
      if (held === undefined) return undefined
      for await (const _ of this.chains.since(held, { after: undefined })) onStatement()
      const rows = await this.rowsOf(uuid)
      const missing = await this.#missing(uuid, rows)
      if (missing === undefined && (await this.#firstWrong(rows)) === undefined) return undefined
      if (attempt < READS_MAX) continue
      if (missing !== undefined) return `has version ${missing}, of which the row is gone`
      return 'says something else than the rows of its versions'
    }
  }

  /** With the record signed anew where the certificate of its signer ends. */
  async #fresh<R extends RecordedRow>(row: R): Promise<R> {
    if (!isRenewable(this.#c, row.record)) return row
    const { serial } = this.read(row)
    const old = {
      table: 'records',
      target: recordTarget(row.uuid),
      version: serial,
      token: row.record,
    } as const
    return { ...row, record: await renew(this.#c, old) }
  }

  /** A version that the chain has and the rows have not. */
  async #missing(uuid: string, rows: readonly RecordedRow[]): Promise<number | undefined> {
    const there = new Set(rows.map(({ version }) => version))
    const standing = await this.standing(uuid)
    return [...(standing?.versions.keys() ?? [])].find((version) => !there.has(version))
  }

  /** The rows of an image, unchecked. */
  async rowsOf(uuid: string, db: Db = this.#c.db): Promise<RecordedRow[]> {
    return await db
      .selectFrom('versions')
      .innerJoin('images', 'images.id', 'versions.image')
      .select(['images.uuid', 'images.namespace', 'images.name', 'versions.version', 'versions.manifest'])
      .select(['versions.size', 'versions.sha256', 'versions.publisher', 'versions.record'])
      .where('images.uuid', '=', uuid)
      .execute()
  }

  /** The record of a row that was checked. */
  read({ record }: Pick<RecordedRow, 'record'>): ImageRecord {
    return parseRecord(claimsOf(record))
  }

  async #firstWrong<R extends RecordedRow>(rows: readonly R[]): Promise<R | undefined> {
    const standings = new Map<string, RecordStanding | undefined>()
    for (const row of rows) {
      if (!standings.has(row.uuid)) standings.set(row.uuid, await this.standing(row.uuid))
      const standing = standings.get(row.uuid)
      if (standing?.versions.get(row.version)?.digest !== payloadDigest(row.record)) return row
      if (!says(this.read(row), row)) return row
    }
    return undefined
  }

  #placed(
    uuid: string,
    { news, after }: { news: readonly NewStatement[]; after: After },
  ): Encoded<RecordStatement>[] {
    const iat = Math.max(after.iat, Math.floor(this.#c.clock.now() / 1000))
    let { serial, digest: previous } = after
    return news.map((facts, i) => {
      serial++
      const repaired = after.repaired && i === 0
      const placed = { image: uuid, serial, previous, repaired, ...facts, iat }
      const signed = this.chains.encode(placed)
      previous = signed.digest
      return signed
    })
  }

  /** What the chain of an image comes to; undefined when it has none. Reads it since it was last read. Throws TamperedError. */
  async standing(uuid: string, db?: Db): Promise<RecordStanding | undefined> {
    const target = recordTarget(uuid)
    const held = (await this.chains.newest([target], db)).get(target)
    if (held === undefined) return undefined
    const known = this.#standings.get(target)
    if (known?.head === held.digest) return known.standing
    const before = known === undefined ? undefined : { serial: known.serial, digest: known.head }
    const after = before !== undefined && (await this.chains.has(target, before, db)) ? before : undefined
    const standing = new RecordStanding(after === undefined ? undefined : known?.standing)
    for await (const { statement, digest } of this.chains.since(held, { after, db })) {
      try {
        standing.apply(statement, digest)
      } catch (error) {
        if (error instanceof SignatureError) throw this.chains.tampered(target, `cannot be: ${error.message}`)
        throw error
      }
    }
    this.#standings.delete(target)
    this.#standings.set(target, { head: held.digest, serial: held.statement.serial, standing })
    if (this.#standings.size > RECORD_CHAINS_CACHED_MAX)
      this.#standings.delete(this.#standings.keys().next().value ?? '')
    return standing
  }
}

/** Whether a record and the row of a version say the same. */
export function says(record: ImageRecord, row: RecordedRow): boolean {
  return (
    record.image === row.uuid &&
    record.namespace === row.namespace &&
    record.name === row.name &&
    record.version === row.version &&
    record.manifest === row.manifest &&
    record.size === row.size &&
    record.sha256 === row.sha256 &&
    record.publisher === row.publisher
  )
}
