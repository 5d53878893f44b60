import { sql } from 'kysely'
import { type Acl, type AclTarget, imageTarget, namespaceTarget } from '../../src/core/acl.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { TamperedError } from '../../src/core/errors.ts'
import { CHAIN_PAGE_STATEMENTS, CHAIN_PROBLEMS_MAX } from '../../src/core/registry-limits.ts'
import { type CopiedAcl, copyAcl, isCopied, readCopy } from './acl-copies.ts'
import { statementsAfter, targetsAfter } from './chain-rows.ts'
import { ChainRaceError } from './chain-transactions.ts'
import { isRenewable, renew } from './renewal.ts'
import type { SignedParts } from './signed-parts.ts'

/** Something that is not as the tracker left it. */
export interface ChainProblem {
  readonly target: string
  /** What is wrong, for people. */
  readonly problem: string
  /** Put right: what the tables had of a signed text is as the text says again. */
  readonly repaired: boolean
}

export interface ScrubReport {
  /** Chains that were read, each from its first statement on. */
  readonly chains: number
  readonly statements: number
  /** Statements that were signed anew, because the certificate of their signer ends. */
  readonly renewed: number
  /** At most CHAIN_PROBLEMS_MAX. */
  readonly problems: readonly ChainProblem[]
}

/** Whether a row and its copy of an ACL are as the ACL says: none for one that has ended. */
function isConsistent(acl: Acl, copy: CopiedAcl | undefined): boolean {
  if (acl.ended || copy === undefined) return acl.ended && copy === undefined
  return copy.namespace === acl.namespace && copy.name === acl.name && isCopied(acl, copy)
}

/** Reads every chain from its first statement on, compares tables and journal with it, and signs anew what needs it. */
export class ChainScrub {
  readonly #parts: SignedParts
  readonly #report = { chains: 0, statements: 0, renewed: 0, problems: [] as ChainProblem[] }
  #signal: AbortSignal | undefined

  private constructor(parts: SignedParts) {
    this.#parts = parts
  }

  /** Errors: those of the catalog; what is wrong with chains is in the report, and told to `onTampered`. */
  static async run(parts: SignedParts, options: CallOptions = {}): Promise<ScrubReport> {
    const scrub = new ChainScrub(parts)
    scrub.#signal = options.signal
    await scrub.#chains('acls')
    await scrub.#chains('records')
    await scrub.#withoutChain()
    await scrub.#onlyInJournal()
    if (scrub.#report.problems.every(({ repaired }) => repaired)) await parts.journal.complete()
    return scrub.#report
  }

  async #chains(table: 'acls' | 'records'): Promise<void> {
    for (let after = ''; ; ) {
      const targets = await targetsAfter(this.#parts.db, { table, after })
      for (const target of targets) {
        this.#signal?.throwIfAborted()
        this.#report.chains++
        await this.#watched(target, () => (table === 'acls' ? this.#acl(target) : this.#records(target)))
        await this.#renewAll(table, target)
      }
      const last = targets.at(-1)
      if (last === undefined) return
      after = last
    }
  }

  async #acl(target: string): Promise<void> {
    const { acls, db } = this.#parts
    const held = (await acls.chains.newest([target])).get(target)
    if (held === undefined) return
    for await (const _ of acls.chains.since(held, { after: undefined })) this.#report.statements++
    if (held.notAfterMs === 0) await acls.chains.token(held)
    if (!isConsistent(held.statement, await readCopy(db, target))) await this.#copy(target)
  }

  /** Looks again within a transaction, where nobody else is at it, and puts the copy right. */
  async #copy(target: string): Promise<void> {
    const { acls, transactions } = this.#parts
    await transactions.run(async (trx) => {
      const held = (await acls.chains.newest([target], trx)).get(target)
      const copy = await readCopy(trx, target)
      if (held === undefined || isConsistent(held.statement, copy)) return
      const acl = held.statement
      if (acl.ended === (copy !== undefined))
        throw this.#tampered(target, 'does not agree with its row: one of the two is gone')
      if (copy !== undefined && (copy.namespace !== acl.namespace || copy.name !== acl.name))
        throw this.#tampered(
          target,
          `is that of ${acl.namespace}/${acl.name ?? ''}, and its row has another name`,
        )
      await copyAcl(trx, acl)
      const again = (await acls.chains.newest([target], trx)).get(target)
      if (again?.digest !== held.digest) throw new ChainRaceError('the ACL changed meanwhile')
      this.#parts.onTampered(
        new TamperedError(
          `what the tables had of the ACL of ${target} was changed outside the tracker; it is right again`,
          { data: { target } },
        ),
      )
      this.#found({
        target,
        problem: 'the copy in the tables did not say what the signed text says',
        repaired: true,
      })
    })
  }

  async #records(target: string): Promise<void> {
    const { records } = this.#parts
    const problem = await records.compare(target.slice('record:'.length), () => this.#report.statements++)
    if (problem !== undefined) throw records.chains.tampered(target, problem)
  }

  async #renewAll(table: 'acls' | 'records', target: string): Promise<void> {
    const { db } = this.#parts
    if (this.#report.problems.some((one) => one.target === target && !one.repaired)) return
    for (let after = 0; ; ) {
      const page = await statementsAfter(db, { table, target, after })
      for (const row of page) {
        if (!isRenewable(this.#parts, row.token)) continue
        await renew(this.#parts, { ...row, table })
        this.#report.renewed++
      }
      const last = page.at(-1)
      if (last === undefined || page.length < CHAIN_PAGE_STATEMENTS) return
      after = last.version
    }
  }

  /** Rows that nobody has signed anything for. */
  async #withoutChain(): Promise<void> {
    const { db, acls } = this.#parts
    const images = await db
      .selectFrom('images')
      .leftJoin('acls', (join) => join.on('acls.target', '=', sql<string>`'image:' || images.uuid`))
      .select('images.uuid')
      .where('images.removed', '=', 0)
      .where('acls.target', 'is', null)
      .limit(CHAIN_PROBLEMS_MAX)
      .execute()
    const namespaces = await db
      .selectFrom('namespaces')
      .leftJoin('acls', (join) =>
        join.on('acls.target', '=', sql<string>`'namespace:' || namespaces.namespace`),
      )
      .select('namespaces.namespace')
      .where('acls.target', 'is', null)
      .limit(CHAIN_PROBLEMS_MAX)
      .execute()
    const targets = [
      ...images.map(({ uuid }) => imageTarget(uuid)),
      ...namespaces.map(({ namespace }) => namespaceTarget(namespace)),
    ]
    for (const target of targets) await this.#watched(target, async () => void (await acls.get(target)))
  }

  /** What was seen once and is gone with all its statements. */
  async #onlyInJournal(): Promise<void> {
    const { journal, acls, records } = this.#parts
    for (const target of journal.targets) {
      const chains = /^(namespace|image):/.test(target) ? acls.chains : records.chains
      if (chains === records.chains && !target.startsWith('record:')) continue
      this.#signal?.throwIfAborted()
      if (this.#report.problems.some((one) => one.target === target)) continue
      await this.#watched(target, async () => void (await chains.newest([target])))
    }
  }

  #tampered(target: string, what: string): TamperedError {
    return this.#parts.acls.chains.tampered(target as AclTarget, what)
  }

  async #watched(target: string, look: () => Promise<void>): Promise<void> {
    try {
      await look()
    } catch (error) {
      if (!(error instanceof TamperedError)) throw error
      this.#found({ target, problem: error.message, repaired: false })
    }
  }

  #found(problem: ChainProblem): void {
    if (this.#report.problems.length < CHAIN_PROBLEMS_MAX) this.#report.problems.push(problem)
  }
}
