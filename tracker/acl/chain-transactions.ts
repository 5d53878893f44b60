import type { Kysely, Transaction } from 'kysely'
import { BusyError, ConflictError, InternalError } from '../../src/core/errors.ts'
import { CHAIN_CHANGE_ATTEMPTS } from '../../src/core/registry-limits.ts'
import { retry } from '../../src/util/retry.ts'
import type { CatalogSchema } from '../catalog/schema.ts'
import type { Journal, Seen } from './journal.ts'

export type ChainTransaction = Transaction<CatalogSchema>

/** Another tracker has appended the statement that was about to be: the whole transaction starts again. */
export class ChainRaceError extends ConflictError {}

/** Transactions that may append to chains: all that they change happens or nothing, and the journal learns of it afterwards. */
export class ChainTransactions {
  readonly #db: Kysely<CatalogSchema>
  readonly #journal: Journal
  readonly #appended = new WeakMap<ChainTransaction, Seen[]>()

  constructor(components: { db: Kysely<CatalogSchema>; journal: Journal }) {
    this.#db = components.db
    this.#journal = components.journal
  }

  /**
   * Runs `work` in a transaction, again from the start when another tracker was faster or in the way, and resolves when the journal has what
   * was appended. `work` must do nothing that a second run would not do again.
   */
  async run<T>(work: (trx: ChainTransaction) => Promise<T>): Promise<T> {
    const once = async () => {
      const appended: Seen[] = []
      const result = await this.#db.transaction().execute(async (trx) => {
        this.#appended.set(trx, appended)
        return await work(trx)
      })
      await this.#journal.note(appended)
      return result
    }
    const when = (error: unknown) =>
      error instanceof ChainRaceError || (error instanceof BusyError && error.data['again'] === true)
    return await retry(once, { attempts: CHAIN_CHANGE_ATTEMPTS, firstMs: 5, maxMs: 200, when })
  }

  /** Called with what was appended in a transaction of `run`. */
  appended(trx: ChainTransaction, statement: Seen): void {
    const list = this.#appended.get(trx)
    if (list === undefined) throw new InternalError('chains grow in transactions of ChainTransactions alone')
    list.push(statement)
  }
}
