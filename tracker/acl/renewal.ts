import { createHash, X509Certificate } from 'node:crypto'
import { ACL_TYPE } from '../../src/core/acl.ts'
import { payloadOf } from '../../src/core/chain.ts'
import type { Clock } from '../../src/core/clock.ts'
import { RECORD_TYPE } from '../../src/core/record.ts'
import { CHAIN_RENEW_BEFORE_MS } from '../../src/core/registry-limits.ts'
import type { Db } from '../catalog/db.ts'
import type { ChainRow } from './chain-rows.ts'
import type { Seal } from './seal.ts'

const TYPES = { acls: ACL_TYPE, records: RECORD_TYPE } as const

/** Ends of the certificates that signed, by their digest: a site has had a few. */
const ends = new Map<string, number>()
const ENDS_MAX = 1000

/** Whether a token should be signed anew: the certificate of its signer ends soon, and before this tracker's own. */
export function isRenewable({ seal, clock }: { seal: Seal; clock: Clock }, token: string): boolean {
  const endMs = signerEndMs(token)
  return endMs < clock.now() + CHAIN_RENEW_BEFORE_MS && endMs < seal.notAfterMs
}

/**
 * Signs the payload of a statement anew; what names it by its digest stays true. The caller has verified the statement, or one that
 * follows it. The copy in the row of a version changes with it.
 */
export async function renew(
  { db, seal }: { db: Db; seal: Seal },
  row: ChainRow & { table: 'acls' | 'records' },
): Promise<string> {
  const { table, target, version, token } = row
  const fresh = await seal.sign(payloadOf(token), { typ: TYPES[table] })
  await db
    .updateTable(table as 'acls')
    .set({ token: fresh })
    .where('target', '=', target)
    .where('version', '=', version)
    .where('token', '=', token)
    .execute()
  if (table === 'acls') return fresh
  await db
    .updateTable('versions')
    .set({ record: fresh })
    .where('image', '=', (sub) =>
      sub.selectFrom('images').select('id').where('uuid', '=', target.slice('record:'.length)),
    )
    .where('record', '=', token)
    .execute()
  return fresh
}

/** When the certificate that signed a token ends; 0 when that cannot be read. */
function signerEndMs(token: string): number {
  const leaf = leafOf(token)
  if (leaf === undefined) return 0
  const key = createHash('sha256').update(leaf).digest('base64')
  const known = ends.get(key)
  if (known !== undefined) return known
  const endMs = endOf(leaf)
  if (ends.size >= ENDS_MAX) ends.clear()
  ends.set(key, endMs)
  return endMs
}

function leafOf(token: string): string | undefined {
  const [header = ''] = token.split('.', 1)
  try {
    const { x5c } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { x5c?: unknown }
    return Array.isArray(x5c) && typeof x5c[0] === 'string' ? x5c[0] : undefined
  } catch {
    return undefined
  }
}

function endOf(leaf: string): number {
  try {
    return new X509Certificate(Buffer.from(leaf, 'base64')).validToDate.getTime()
  } catch {
    return 0
  }
}
