import type { Kysely, Transaction } from 'kysely'
import { LimitError } from '../../src/core/errors.ts'
import { IMAGES_PER_NAMESPACE_MAX, NAMESPACES_PER_PRINCIPAL_MAX } from '../../src/core/limits.ts'
import type { Namespace } from '../../src/core/reference.ts'
import type { CatalogSchema } from './schema.ts'

export type Db = Kysely<CatalogSchema> | Transaction<CatalogSchema>

/** Makes a namespace; leaves one that exists as it is. Throws LimitError when the owner has too many. */
export async function makeNamespace(
  trx: Db,
  row: { namespace: Namespace; owner: string; created_at: number },
): Promise<void> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('namespaces')
    .values(row)
    .onConflict((on) => on.doNothing())
    .executeTakeFirstOrThrow()
  if (numInsertedOrUpdatedRows === 0n) return
  const { owned } = await trx
    .selectFrom('namespaces')
    .select((select) => select.fn.countAll<number>().as('owned'))
    .where('owner', '=', row.owner)
    .executeTakeFirstOrThrow()
  if (owned <= NAMESPACES_PER_PRINCIPAL_MAX) return
  throw new LimitError(
    `${row.owner} owns ${NAMESPACES_PER_PRINCIPAL_MAX} namespaces, which is as many as one may`,
    {
      data: { limit: NAMESPACES_PER_PRINCIPAL_MAX },
    },
  )
}

/** Throws LimitError when the namespace has no room for another image. */
export async function checkImageCount(trx: Db, namespace: Namespace): Promise<void> {
  const { images } = await trx
    .selectFrom('images')
    .select((select) => select.fn.countAll<number>().as('images'))
    .where('namespace', '=', namespace)
    .where('removed', '=', 0)
    .executeTakeFirstOrThrow()
  if (images < IMAGES_PER_NAMESPACE_MAX) return
  throw new LimitError(
    `the namespace ${namespace} has ${images} images, which is as many as it may: remove some`,
    {
      data: { limit: IMAGES_PER_NAMESPACE_MAX },
    },
  )
}
