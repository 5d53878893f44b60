import { checkFollows, payloadDigest } from '../../src/core/chain.ts'
import type { DigestKey } from '../../src/core/cid.ts'
import { BootswarmError, SignatureError } from '../../src/core/errors.ts'
import type { ChainBook } from './chain-book.ts'
import { type ChainRow, removeStatements, statementsAfter } from './chain-rows.ts'
import type { ChainTransaction } from './chain-transactions.ts'
import type { Journal } from './journal.ts'

export interface Good<T> {
  readonly statement: T
  readonly digest: DigestKey
}

export interface GoodPart<T> {
  /** Undefined when not even the first is right. */
  readonly last: Good<T> | undefined
  /** What comes next: higher than any number that a tracker can have taken for good. */
  readonly serial: number
}

export interface GoodPartInit<T> {
  readonly target: string
  /** Told of each; may refuse one, and with it all that follow, by throwing SignatureError. */
  readonly onGood?: (good: Good<T>) => void
}

/**
 * Keeps the statements of a target that are right from the first on, each signed and after the one before, and removes the rest.
 */
export async function keepGood<T extends object>(
  components: { chains: ChainBook<T>; journal: Journal; trx: ChainTransaction },
  { target, onGood = () => {} }: GoodPartInit<T>,
): Promise<GoodPart<T>> {
  const { chains, journal, trx } = components
  const { table, linkOf } = chains.init
  let last: Good<T> | undefined
  let highest = journal.newest(target)?.serial ?? 0
  let isGood = true
  for await (const row of rowsOf(components, target)) {
    const statement = await signedIn(chains, row)
    if (statement !== undefined) highest = Math.max(highest, linkOf(statement).serial)
    isGood = isGood && statement !== undefined && follows({ chains, last }, { statement, row }, onGood)
    if (isGood && statement !== undefined) last = { statement, digest: payloadDigest(row.token) }
  }
  const kept = last === undefined ? 0 : linkOf(last.statement).serial
  await removeStatements(trx, { table, target, after: kept })
  return { last, serial: highest + 1 }
}

async function* rowsOf<T extends object>(
  { chains, trx }: { chains: ChainBook<T>; trx: ChainTransaction },
  target: string,
): AsyncGenerator<ChainRow> {
  for (let after = 0; ; ) {
    const page = await statementsAfter(trx, { table: chains.init.table, target, after })
    yield* page
    const last = page.at(-1)
    if (last === undefined) return
    after = last.version
  }
}

/** What a row says; undefined when no tracker of this site has signed it for this place. */
async function signedIn<T extends object>(chains: ChainBook<T>, row: ChainRow): Promise<T | undefined> {
  try {
    const statement = await chains.verify(row.token)
    const { target, serial } = chains.init.linkOf(statement)
    return target === row.target && serial === row.version ? statement : undefined
  } catch (error) {
    if (error instanceof BootswarmError) return undefined
    throw error
  }
}

function follows<T extends object>(
  { chains, last }: { chains: ChainBook<T>; last: Good<T> | undefined },
  { statement, row }: { statement: T; row: ChainRow },
  onGood: (good: Good<T>) => void,
): boolean {
  const { linkOf } = chains.init
  try {
    checkFollows(last && { link: linkOf(last.statement), digest: last.digest }, linkOf(statement))
    onGood({ statement, digest: payloadDigest(row.token) })
    return true
  } catch (error) {
    if (error instanceof SignatureError) return false
    throw error
  }
}
