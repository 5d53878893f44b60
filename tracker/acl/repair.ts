import type { Acl, AclTarget } from '../../src/core/acl.ts'
import { payloadDigest } from '../../src/core/chain.ts'
import { BootswarmError, NotFoundError, TamperedError } from '../../src/core/errors.ts'
import { ADMINS_GROUP } from '../../src/core/permission.ts'
import { isRecord, type RecordFacts, recordTarget } from '../../src/core/record.ts'
import { RecordStanding } from '../../src/core/record-standing.ts'
import { stepState } from '../catalog/image-states.ts'
import { dropStaleProfiles } from '../catalog/profile-catalog.ts'
import { copyAcl, readCopy } from './acl-copies.ts'
import type { ChainTransaction } from './chain-transactions.ts'
import { keepGood } from './good-part.ts'
import { type NewStatement, type RecordedRow, says } from './record-book.ts'
import type { SignedParts } from './signed-parts.ts'

export interface RepairInit {
  /** Distinguished name of the admin who wants it. */
  readonly author: string
  /**
   * Whether entries and versions stay that are signed, but perhaps not the newest that there was: a share that was taken back, a version
   * that was removed. After the restore of a backup this is what one wants; after an intrusion it is not.
   */
  readonly keep: boolean
}

export interface Repaired {
  readonly target: string
  /** Number of the statement that says so. */
  readonly serial: number
  /** Of an ACL: how many entries it has now. */
  readonly entries?: number
  /** Of an image: versions that stay, and those that do not. */
  readonly kept?: readonly number[]
  readonly dropped?: readonly number[]
}

/**
 * Goes on with a chain whose newest statements were lost or altered: keeps what can be shown to be right from the start on, drops
 * the rest, and says so in a statement that everybody sees. Undefined when nothing was wrong. `target`: `namespace:NAME`,
 * `image:UUID` or `record:UUID`, as reports name it. Throws NotFoundError when there is neither chain nor row.
 */
export async function repairChain(
  parts: SignedParts,
  target: string,
  init: RepairInit,
): Promise<Repaired | undefined> {
  if (/^(namespace|image):/.test(target)) return await repairAcl(parts, target as AclTarget, init)
  if (target.startsWith('record:')) return await repairRecords(parts, target.slice('record:'.length), init)
  throw new NotFoundError(`there is no ${target}: repair namespace:NAME, image:UUID or record:UUID`)
}

async function repairAcl(parts: SignedParts, target: AclTarget, init: RepairInit) {
  const { acls, transactions, clock, journal } = parts
  if (await isAclRight(parts, target)) return undefined
  return await transactions.run(async (trx): Promise<Repaired> => {
    const { last, serial } = await keepGood({ chains: acls.chains, journal, trx }, { target })
    const copy = await readCopy(trx, target)
    const before = last?.statement
    const named = copy ?? before
    if (named === undefined) throw new NotFoundError(`there is no ${target}`)
    const acl: Acl = {
      ...{ namespace: named.namespace, name: named.name, target, version: serial },
      previous: last?.digest ?? null,
      owner: before?.owner ?? copy?.owner ?? { kind: 'group', subject: ADMINS_GROUP },
      entries: init.keep && copy !== undefined ? (before?.entries ?? []) : [],
      ...{ ended: copy === undefined, repaired: true, author: init.author },
      iat: Math.max(before?.iat ?? 0, Math.floor(clock.now() / 1000)),
    }
    await acls.chains.append(trx, acl)
    await copyAcl(trx, acl)
    return { target, serial, entries: acl.entries.length }
  })
}

async function isAclRight({ acls, db }: SignedParts, target: AclTarget): Promise<boolean> {
  try {
    const acl = (await acls.chains.newest([target])).get(target)?.statement
    const copy = await readCopy(db, target)
    if (acl === undefined) return false
    if (acl.ended || copy === undefined) return acl.ended && copy === undefined
    return acl.namespace === copy.namespace && acl.name === copy.name
  } catch (error) {
    if (error instanceof TamperedError) return false
    throw error
  }
}

async function repairRecords(parts: SignedParts, uuid: string, init: RepairInit) {
  const { records, transactions, journal } = parts
  if (await areRecordsRight(parts, uuid)) return undefined
  const target = recordTarget(uuid)
  return await transactions.run(async (trx): Promise<Repaired> => {
    const standing = new RecordStanding()
    const { last, serial } = await keepGood(
      { chains: records.chains, journal, trx },
      { target, onGood: ({ statement, digest }) => standing.apply(statement, digest) },
    )
    const rows = await records.rowsOf(uuid, trx)
    const plan = await planOf(parts, { uuid, rows, standing, keep: init.keep, trx })
    const iat = last?.statement.iat ?? 0
    const tokens = await records.appendAfter(trx, uuid, {
      news: plan.news,
      after: { serial: serial - 1, digest: last?.digest ?? null, iat, repaired: true },
    })
    await writeRows(trx, { uuid, tokens, ...plan })
    return { target, serial, kept: plan.kept, dropped: plan.dropped }
  })
}

async function areRecordsRight({ records }: SignedParts, uuid: string): Promise<boolean> {
  try {
    return (await records.compare(uuid, () => {})) === undefined
  } catch (error) {
    if (error instanceof TamperedError) return false
    throw error
  }
}

interface Plan {
  readonly news: NewStatement[]
  readonly kept: number[]
  readonly dropped: number[]
}

interface PlanInit {
  readonly uuid: string
  readonly rows: readonly RecordedRow[]
  readonly standing: RecordStanding
  readonly keep: boolean
  readonly trx: ChainTransaction
}

/** What has to be said so that chain and rows agree. */
async function planOf(parts: SignedParts, init: PlanInit): Promise<Plan> {
  const { rows, standing, keep } = init
  const plan: Plan = { news: [{ event: 'repair', version: null }], kept: [], dropped: [] }
  const right = new Set<number>()
  const again: RecordFacts[] = []
  for (const row of rows.toSorted((a, b) => a.version - b.version)) {
    const stands = standing.versions.get(row.version)
    const facts = keep ? await recordedFacts(parts, row) : undefined
    if (stands?.digest === payloadDigest(row.record) && says(stands.record, row)) right.add(row.version)
    else if (facts !== undefined) again.push(facts)
    else plan.dropped.push(row.version)
  }
  for (const version of standing.versions.keys())
    if (!right.has(version)) plan.news.push({ event: 'remove', version })
  plan.news.push(...again)
  if (!standing.ended && !(await isThere(init))) plan.news.push({ event: 'end', version: null })
  plan.kept.push(...right, ...again.map(({ version }) => version))
  return plan
}

/** What the tracker has signed for the version of this row at some time, if it has. */
async function recordedFacts({ records }: SignedParts, row: RecordedRow): Promise<RecordFacts | undefined> {
  try {
    const record = await records.chains.verify(row.record)
    if (!isRecord(record) || !says(record, row)) return undefined
    const { namespace, name, version, manifest, size, sha256, publisher, signature } = record
    const facts = { namespace, name, version, manifest, size, sha256, publisher, signature }
    return { event: 'commit', ...facts, formerly: null }
  } catch (error) {
    if (error instanceof BootswarmError) return undefined
    throw error
  }
}

async function isThere({ uuid, trx }: PlanInit): Promise<boolean> {
  const row = trx.selectFrom('images').select('id').where('uuid', '=', uuid).where('removed', '=', 0)
  return (await row.executeTakeFirst()) !== undefined
}

async function writeRows(
  trx: ChainTransaction,
  { uuid, news, tokens, dropped }: Plan & { uuid: string; tokens: readonly string[] },
): Promise<void> {
  const image = await trx.selectFrom('images').select('id').where('uuid', '=', uuid).executeTakeFirst()
  if (image === undefined) return
  for (const [i, one] of news.entries()) {
    if (one.event !== 'commit') continue
    const row = trx
      .updateTable('versions')
      .set({ record: tokens[i] ?? '' })
      .where('image', '=', image.id)
    await row.where('version', '=', one.version).execute()
  }
  for (const version of dropped) {
    const row = trx.deleteFrom('versions').where('image', '=', image.id)
    await row.where('version', '=', version).execute()
  }
  await dropStaleProfiles(trx, image.id)
  const { uploadedAtMs } = await trx
    .selectFrom('versions')
    .select((select) => select.fn.max('created_at').as('uploadedAtMs'))
    .where('image', '=', image.id)
    .executeTakeFirstOrThrow()
  if (uploadedAtMs === null) await stepState(trx, image.id, { event: 'emptied' })
  await trx.updateTable('images').set({ uploaded_at: uploadedAtMs }).where('id', '=', image.id).execute()
}
