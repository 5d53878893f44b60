import { LimitError } from '../../src/core/errors.ts'
import type { Namespace } from '../../src/core/reference.ts'
import { IMAGES_PER_NAMESPACE_MAX, NAMESPACES_PER_PRINCIPAL_MAX } from '../../src/core/registry-limits.ts'
import type { AclBook } from '../acl/acl-book.ts'
import type { ChainTransaction } from '../acl/chain-transactions.ts'
import { type Db, takeTurn } from './db.ts'
import type { NamespaceOwner } from './namespace-owner.ts'

export interface NewNamespace {
  readonly namespace: Namespace
  readonly owner: NamespaceOwner
  /** Distinguished name of who makes it. */
  readonly author: string
  readonly nowMs: number
}

/**
 * Makes a namespace with its ACL; false, and all as it was, when it exists. Throws LimitError when the owner has too many,
 * TamperedError when it was there before and vanished.
 */
export async function makeNamespace(
  { trx, acls }: { trx: ChainTransaction; acls: Pick<AclBook, 'foundNamespace'> },
  { namespace, owner, author, nowMs }: NewNamespace,
): Promise<boolean> {
  await takeTurn(trx, 'names')
  const column = owner.kind === 'user' ? 'owner_user' : 'owner_group'
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('namespaces')
    .values({ namespace, owner_user: null, owner_group: null, [column]: owner.id, created_at: nowMs })
    .onConflict((on) => on.doNothing())
    .executeTakeFirstOrThrow()
  if (numInsertedOrUpdatedRows === 0n) return false
  const { kind, name: subject } = owner
  await acls.foundNamespace(trx, { namespace, owner: { kind, subject }, author })
  const { owned } = await trx
    .selectFrom('namespaces')
    .select((select) => select.fn.countAll<number>().as('owned'))
    .where(column, '=', owner.id)
    .executeTakeFirstOrThrow()
  if (owned <= NAMESPACES_PER_PRINCIPAL_MAX) return true
  throw new LimitError(
    `${owner.name} owns ${NAMESPACES_PER_PRINCIPAL_MAX} namespaces, which is as many as one may`,
    { data: { limit: NAMESPACES_PER_PRINCIPAL_MAX } },
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
