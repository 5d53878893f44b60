import { type Kysely, sql } from 'kysely'
import { QuotaError } from '../../src/core/errors.ts'
import type { Db } from './db.ts'
import type { CatalogSchema } from './schema.ts'

/** What a user may own whose row says nothing of it; null: as much as there is room for. */
export interface Quotas {
  /** Bytes of image content, holes left out, in every version that is kept. */
  readonly bytes: number | null
  readonly images: number | null
}

export const NO_QUOTAS: Quotas = { bytes: null, images: null }

/** What a user owns, and may. */
export interface Usage {
  readonly user: string
  readonly images: number
  /** Content of all versions of all images of the user. */
  readonly bytes: number
  /** What has come so far for open uploads into these. */
  readonly uploadingBytes: number
  readonly quota: Quotas
}

/** Usage by users. */
export class UsageCatalog {
  readonly #db: Kysely<CatalogSchema>
  readonly #quotas: Quotas

  constructor(components: { db: Kysely<CatalogSchema> }, init: { quotas: Quotas }) {
    this.#db = components.db
    this.#quotas = init.quotas
  }

  /** Undefined when there is no such user. */
  async of(user: { readonly id: number }): Promise<Usage | undefined> {
    return await usageOf(this.#db, user.id, this.#quotas)
  }

  /** Usage of users, by name: those after `after`. */
  async list(page: { after: string; limit: number }): Promise<Usage[]> {
    const query = selectUsage(this.#db).where('users.name', '>', page.after)
    const rows = await query.orderBy('users.name').limit(page.limit).execute()
    return rows.map((row) => usage(row, this.#quotas))
  }
}

/** What is to be added to what somebody owns. */
export interface Addition {
  /** Undefined and null: nobody's, which no quota bounds. */
  readonly owner: number | null | undefined
  readonly bytes?: number
  readonly images?: number
}

/**
 * Throws QuotaError when the owner may not have so much more. In the transaction that adds it: others that add to what the same
 * user owns wait until this one ends, so that they cannot pass the quota together.
 */
export async function checkQuota(trx: Db, addition: Addition, quotas: Quotas): Promise<void> {
  const { owner, bytes = 0, images = 0 } = addition
  if (typeof owner !== 'number') return
  await trx
    .updateTable('users')
    .set({ modified_at: sql<number>`modified_at` })
    .where('id', '=', owner)
    .execute()
  const now = await usageOf(trx, owner, quotas)
  if (now === undefined) return
  const { quota, user } = now
  if (images > 0 && quota.images !== null && now.images + images > quota.images)
    throw new QuotaError(
      `${user} owns ${now.images} images and may own ${quota.images}: remove some, or ask an admin for more`,
      { data: { user, usedImages: now.images, limitImages: quota.images } },
    )
  if (bytes > 0) checkBytes(now, bytes)
}

/** Throws QuotaError when so many bytes would be more than the user may own. */
export function checkBytes(now: Pick<Usage, 'user' | 'bytes' | 'quota'>, added: number): void {
  const { user, bytes, quota } = now
  if (quota.bytes === null || bytes + added <= quota.bytes) return
  throw new QuotaError(
    `${user} uses ${bytes} of ${quota.bytes} bytes, and this needs ${added} more: remove images or versions, or ask an admin for more`,
    { data: { user, usedBytes: bytes, neededBytes: added, limitBytes: quota.bytes } },
  )
}

async function usageOf(db: Db, user: number, quotas: Quotas): Promise<Usage | undefined> {
  const row = await selectUsage(db).where('users.id', '=', user).executeTakeFirst()
  return row === undefined ? undefined : usage(row, quotas)
}

type UsageRow = Awaited<ReturnType<ReturnType<typeof selectUsage>['execute']>>[number]

function usage(
  { user, images, bytes, uploadingBytes, quotaBytes, quotaImages }: UsageRow,
  quotas: Quotas,
): Usage {
  const quota = { bytes: quotaBytes ?? quotas.bytes, images: quotaImages ?? quotas.images }
  return { user, images: images ?? 0, bytes: bytes ?? 0, uploadingBytes: uploadingBytes ?? 0, quota }
}

function selectUsage(db: Db) {
  return db
    .selectFrom('users')
    .select(['users.name as user', 'users.quota_bytes as quotaBytes', 'users.quota_images as quotaImages'])
    .select((outer) => {
      const own = outer
        .selectFrom('images')
        .whereRef('images.owner', '=', 'users.id')
        .where('images.removed', '=', 0)
      const versions = own.innerJoin('versions', 'versions.image', 'images.id')
      const uploads = own.innerJoin('uploads', 'uploads.image', 'images.id')
      return [
        own.select((select) => select.fn.countAll<number>().as('n')).as('images'),
        versions.select((select) => select.fn.sum<number>('versions.content_bytes').as('n')).as('bytes'),
        uploads
          .select((select) => select.fn.sum<number>('uploads.received_bytes').as('n'))
          .as('uploadingBytes'),
      ]
    })
}
