import { payloadDigest, payloadOf } from '../../src/core/chain.ts'
import type { DigestKey } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { ConflictError } from '../../src/core/errors.ts'
import { CHAIN_CHECKS_MAX, RECORD_CHAINS_CACHED_MAX } from '../../src/core/limits.ts'
import {
  type ImageRecord,
  isRecord,
  linkOfRecord,
  parseRecord,
  parseRecordStatement,
  RECORD_TYPE,
  type RecordFacts,
  type RecordStatement,
  type Removal,
  recordTarget,
} from '../../src/core/record.ts'
import type { Db } from '../catalog/db.ts'
import { ChainBook, type ChainComponents, type Encoded, type Held } from './chain-book.ts'
import { ChainRaceError, type ChainTransaction } from './chain-transactions.ts'

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

/** What a chain comes to: for each version that is there, the payload of its newest record. */
interface Standing {
  readonly head: DigestKey
  readonly serial: number
  readonly versions: ReadonlyMap<number, DigestKey>
}

/** Readings of rows and chains before a difference between them counts: a change may come between the two. */
const READS_MAX = 3

/** Records: one chain for each image, whatever its name. */
export class RecordBook {
  readonly #clock: Clock
  readonly #chains: ChainBook<RecordStatement>
  /** By target, least recently used first. */
  readonly #standings = new Map<string, Standing>()

  constructor(components: ChainComponents & { clock: Clock }) {
    this.#clock = components.clock
    this.#chains = new ChainBook(components, {
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
    const held = (await this.#chains.newest([recordTarget(uuid)], db)).get(recordTarget(uuid))
    const statements = this.#placed(uuid, { news, held })
    const tokens: string[] = []
    for (let i = 0; i < statements.length; i += CHAIN_CHECKS_MAX) {
      const part = statements.slice(i, i + CHAIN_CHECKS_MAX)
      tokens.push(...(await Promise.all(part.map((statement) => this.#chains.sign(statement)))))
    }
    return { statements, tokens }
  }

  /** Appends what was prepared. Throws ConflictError (data: `again` true) when something else was said about the image since. */
  async put(trx: ChainTransaction, prepared: PreparedRecords): Promise<void> {
    try {
      for (const [i, statement] of prepared.statements.entries())
        await this.#chains.put(trx, statement, prepared.tokens[i] ?? '')
    } catch (error) {
      if (!(error instanceof ChainRaceError)) throw error
      throw new ConflictError('the image changed meanwhile: try again', {
        data: { again: true },
        cause: error,
      })
    }
  }

  /** Signs and appends within a transaction, which starts again when another tracker is faster. Returns the JWS of each. */
  async append(
    trx: ChainTransaction,
    uuid: string,
    news: readonly NewStatement[],
  ): Promise<readonly string[]> {
    const { statements, tokens } = await this.prepare(uuid, news, trx)
    for (const [i, statement] of statements.entries()) await this.#chains.put(trx, statement, tokens[i] ?? '')
    return tokens
  }

  /** The image is gone, with every version. */
  async end(trx: ChainTransaction, uuid: string): Promise<void> {
    const target = recordTarget(uuid)
    if ((await this.#chains.newest([target], trx)).has(target))
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
      if (wrong === undefined) return rows
      if (attempt < READS_MAX) continue
      const named = `${wrong.namespace}/${wrong.name}@${wrong.version}`
      throw this.#chains.tampered(recordTarget(wrong.uuid), `says something else than the row of ${named}`)
    }
  }

  /** The record of a row that was checked. */
  read({ record }: Pick<RecordedRow, 'record'>): ImageRecord {
    return parseRecord(JSON.parse(Buffer.from(payloadOf(record)).toString('utf8')))
  }

  async #firstWrong<R extends RecordedRow>(rows: readonly R[]): Promise<R | undefined> {
    for (const row of rows) {
      const standing = await this.#standingOf(row.uuid)
      if (standing?.versions.get(row.version) !== payloadDigest(row.record)) return row
      if (!says(this.read(row), row)) return row
    }
    return undefined
  }

  #placed(
    uuid: string,
    init: { news: readonly NewStatement[]; held: Held<RecordStatement> | undefined },
  ): Encoded<RecordStatement>[] {
    const { held } = init
    const iat = Math.max(held?.statement.iat ?? 0, Math.floor(this.#clock.now() / 1000))
    let serial = held?.statement.serial ?? 0
    let previous = held?.digest ?? null
    return init.news.map((facts) => {
      serial++
      const placed = { image: uuid, serial, previous, repaired: false, ...facts, iat }
      const signed = this.#chains.encode(placed)
      previous = signed.digest
      return signed
    })
  }

  /** Reads the chain since it was last read. */
  async #standingOf(uuid: string, db?: Db): Promise<Standing | undefined> {
    const target = recordTarget(uuid)
    const held = (await this.#chains.newest([target], db)).get(target)
    if (held === undefined) return undefined
    const known = this.#standings.get(target)
    if (known?.head === held.digest) return known
    const before = known === undefined ? undefined : { serial: known.serial, digest: known.head }
    const after = before !== undefined && (await this.#chains.has(target, before, db)) ? before : undefined
    const versions = new Map(after === undefined ? [] : known?.versions)
    for await (const { statement, digest } of this.#chains.since(held, { after, db })) {
      if (isRecord(statement)) {
        if (statement.formerly !== null) versions.delete(statement.formerly.version)
        versions.set(statement.version, digest)
      } else if (statement.version !== null) versions.delete(statement.version)
      else if (statement.event === 'end') versions.clear()
    }
    const standing = { head: held.digest, serial: held.statement.serial, versions }
    this.#standings.delete(target)
    this.#standings.set(target, standing)
    if (this.#standings.size > RECORD_CHAINS_CACHED_MAX)
      this.#standings.delete(this.#standings.keys().next().value ?? '')
    return standing
  }
}

function says(record: ImageRecord, row: RecordedRow): boolean {
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
