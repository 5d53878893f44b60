import { CHAIN_PAGE_STATEMENTS } from '../../src/core/registry-limits.ts'
import { statementsAfter } from './chain-rows.ts'
import { isRenewable, renew } from './renewal.ts'
import type { SignedParts } from './signed-parts.ts'

export interface ChainPage {
  /** JWS, oldest first. */
  readonly statements: string[]
  /** The number that the next page comes after; null on the last. */
  readonly next: number | null
}

/**
 * A page of a chain whose newest statement was verified, for who verifies all of them. What a certificate that ends has signed is
 * signed anew. Throws TamperedError.
 */
export async function readPage(
  parts: SignedParts,
  init: { table: 'acls' | 'records'; target: string; after: number },
): Promise<ChainPage> {
  const { table, target } = init
  const { chains } = table === 'acls' ? parts.acls : parts.records
  const held = (await chains.newest([target])).get(target)
  if (held === undefined) return { statements: [], next: null }
  const rows = await statementsAfter(parts.db, init)
  const statements = await Promise.all(
    rows.map(async (row) =>
      isRenewable(parts, row.token) ? await renew(parts, { ...row, table }) : row.token,
    ),
  )
  const last = rows.length < CHAIN_PAGE_STATEMENTS ? undefined : rows.at(-1)
  return { statements, next: last?.version ?? null }
}
