import { sql } from 'kysely'
import { type AclOwner, imageTarget } from '../../src/core/acl.ts'
import type { DigestKey } from '../../src/core/cid.ts'
import { BootswarmError, CertificateError } from '../../src/core/errors.ts'
import { ADMINS_GROUP } from '../../src/core/permission.ts'
import { RECORD_TYPE, type RecordFacts, recordTarget } from '../../src/core/record.ts'
import { CHAIN_PAGE_STATEMENTS } from '../../src/core/registry-limits.ts'
import type { StoredVersion } from '../catalog/image-rows.ts'
import { claimsOf, signedAtMs } from './claims.ts'
import type { SignedParts } from './signed-parts.ts'

/** Line of the journal that says that everything has a chain, so that what comes without one is no longer signed. */
const ADOPTED = 'adopted'
const NO_DIGEST = '0'.repeat(64) as DigestKey

export interface Adopted {
  readonly namespaces: number
  readonly images: number
  readonly versions: number
}

/**
 * Gives chains to what an earlier release made without them: once, before anything is served. Resumes where it broke off. What
 * comes without a chain later was made outside the tracker. `author`: distinguished name of the tracker.
 * A version whose record of that release does not verify gets none, and is not served.
 */
export async function adoptUnsigned(parts: SignedParts, init: { author: string }): Promise<Adopted> {
  const adopted = { namespaces: 0, images: 0, versions: 0 }
  if (parts.journal.newest(ADOPTED) !== undefined) return adopted
  for (;;) {
    const made = await adoptNamespaces(parts, init)
    adopted.namespaces += made
    if (made === 0) break
  }
  for (let after = 0; ; ) {
    const page = await imagesAfter(parts, after)
    for (const image of page) {
      const versions = await adoptImage(parts, { image, ...init })
      if (versions === undefined) continue
      adopted.images++
      adopted.versions += versions
    }
    const last = page.at(-1)
    if (last === undefined) break
    after = last.id
  }
  await parts.journal.note([{ target: ADOPTED, serial: 1, digest: NO_DIGEST }])
  return adopted
}

async function adoptNamespaces(parts: SignedParts, { author }: { author: string }): Promise<number> {
  const rows = await parts.db
    .selectFrom('namespaces')
    .leftJoin('users', 'users.id', 'namespaces.owner_user')
    .leftJoin('groups', 'groups.id', 'namespaces.owner_group')
    .leftJoin('acls', (join) =>
      join.on('acls.target', '=', sql<string>`'namespace:' || namespaces.namespace`),
    )
    .where('acls.target', 'is', null)
    .select(['namespaces.namespace', 'users.name as user', 'groups.name as group'])
    .orderBy('namespaces.namespace')
    .limit(CHAIN_PAGE_STATEMENTS)
    .execute()
  for (const { namespace, user, group } of rows) {
    const owner: AclOwner =
      user === null ? { kind: 'group', subject: group ?? ADMINS_GROUP } : { kind: 'user', subject: user }
    await parts.transactions.run((trx) => parts.acls.foundNamespace(trx, { namespace, owner, author }))
  }
  return rows.length
}

type Image = Awaited<ReturnType<typeof imagesAfter>>[number]

async function imagesAfter({ db }: SignedParts, after: number) {
  return await db
    .selectFrom('images')
    .leftJoin('users', 'users.id', 'images.owner')
    .select(['images.id', 'images.uuid', 'images.namespace', 'images.name', 'users.name as owner'])
    .where('images.removed', '=', 0)
    .where('images.id', '>', after)
    .orderBy('images.id')
    .limit(CHAIN_PAGE_STATEMENTS)
    .execute()
}

/** Undefined when the image has an ACL. */
async function adoptImage(
  parts: SignedParts,
  { image, author }: { image: Image; author: string },
): Promise<number | undefined> {
  const { uuid, namespace, name, owner } = image
  const known = await parts.acls.chains.newest([imageTarget(uuid)])
  if (known.size > 0) return undefined
  const rows = await parts.db
    .selectFrom('versions')
    .select(['version', 'manifest', 'size', 'sha256', 'publisher', 'record'])
    .where('image', '=', image.id)
    .orderBy('version')
    .execute()
  const facts: RecordFacts[] = []
  for (const row of rows) {
    if (await isRecorded(parts, { ...row, namespace, name })) facts.push(factsOf({ ...row, namespace, name }))
    else
      parts.records.chains.tampered(
        recordTarget(uuid),
        `cannot begin with ${namespace}/${name}@${row.version}`,
      )
  }
  const founder: AclOwner =
    owner === null ? { kind: 'group', subject: ADMINS_GROUP } : { kind: 'user', subject: owner }
  await parts.transactions.run(async (trx) => {
    await parts.acls.foundImage(trx, { uuid, namespace, name, owner: founder, author })
    const tokens = await parts.records.append(trx, uuid, facts)
    for (const [i, { version }] of facts.entries()) {
      const record = tokens[i] ?? ''
      const one = trx.updateTable('versions').set({ record }).where('image', '=', image.id)
      await one.where('version', '=', version).execute()
    }
  })
  return facts.length
}

type LegacyRow = Pick<
  StoredVersion,
  'namespace' | 'name' | 'version' | 'manifest' | 'size' | 'sha256' | 'publisher' | 'record'
>

function factsOf(row: LegacyRow): RecordFacts {
  const { namespace, name, version, manifest, size, sha256, publisher } = row
  return {
    ...{ event: 'commit', namespace, name, version, manifest, size, sha256, publisher },
    ...{ signature: null, formerly: null },
  }
}

/** Whether a record of the first release, which had no chains, says what its row says. */
async function isRecorded({ seal }: SignedParts, row: LegacyRow): Promise<boolean> {
  try {
    const atMs = signedAtMs(claimsOf(row.record))
    const { claims } = await seal.open(row.record, { typ: RECORD_TYPE }).catch(async (error: unknown) => {
      if (!(error instanceof CertificateError) || error.data['reason'] !== 'expired') throw error
      return await seal.open(row.record, { typ: RECORD_TYPE, atMs })
    })
    const fields = ['namespace', 'name', 'version', 'manifest', 'size', 'sha256', 'publisher'] as const
    return fields.every((field) => claims[field] === row[field])
  } catch (error) {
    if (error instanceof BootswarmError) return false
    throw error
  }
}
