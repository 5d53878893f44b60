import type { Kysely } from 'kysely'
import { imageTarget } from '../../src/core/acl.ts'
import { NotFoundError, StateError } from '../../src/core/errors.ts'
import type { UserState } from '../../src/core/permission.ts'
import type { AclBook } from '../acl/acl-book.ts'
import type { ChainTransaction, ChainTransactions } from '../acl/chain-transactions.ts'
import { keepAnAdmin } from './admin-count.ts'
import { type Change, writeHistory } from './history-catalog.ts'
import { type ImageKey, type StoredImage, selectImages, storedImage } from './image-rows.ts'
import { ownerOf, removeNamespace } from './namespace-catalog.ts'
import type { CatalogSchema } from './schema.ts'
import { checkCertificateAndEmail, type StoredUser } from './user-catalog.ts'

/** What is to be different of a user; what is left out stays. Names never change. */
export interface UserChange {
  readonly fullName?: string | undefined
  readonly dn?: string | undefined
  readonly email?: string | null | undefined
  readonly state?: UserState | undefined
  readonly quotaBytes?: number | null | undefined
  readonly quotaImages?: number | null | undefined
}

/** Changes of users who exist. */
export class UserChanges {
  readonly #db: Kysely<CatalogSchema>
  readonly #acls: AclBook
  readonly #transactions: ChainTransactions

  constructor(components: { db: Kysely<CatalogSchema>; acls: AclBook; transactions: ChainTransactions }) {
    this.#db = components.db
    this.#acls = components.acls
    this.#transactions = components.transactions
  }

  /**
   * All or nothing. Errors: NotFoundError, ConflictError when the certificate or the e-mail address is another's, StateError when no
   * active admin would be left.
   */
  async change(
    user: { readonly id: number },
    change: UserChange,
    { nowMs }: { nowMs: number },
  ): Promise<void> {
    const { fullName, dn, email, state, quotaBytes, quotaImages } = change
    const columns = {
      full_name: fullName,
      dn,
      email,
      state,
      quota_bytes: quotaBytes,
      quota_images: quotaImages,
    }
    const given = Object.entries(columns).filter(([, value]) => value !== undefined)
    await this.#db.transaction().execute((trx) =>
      keepAnAdmin(trx, async () => {
        await checkCertificateAndEmail(trx, change, user.id)
        const { numUpdatedRows } = await trx
          .updateTable('users')
          .set({ ...Object.fromEntries(given), modified_at: nowMs })
          .where('id', '=', user.id)
          .executeTakeFirstOrThrow()
        if (numUpdatedRows === 0n) throw gone()
      }),
    )
  }

  /** Images in namespaces of the user: they go with the user. */
  async imagesToRemove(user: { readonly id: number }): Promise<ImageKey[]> {
    return await selectImages(this.#db)
      .innerJoin('namespaces', 'namespaces.namespace', 'images.namespace')
      .where('namespaces.owner_user', '=', user.id)
      .execute()
  }

  /**
   * Removes a user whose own namespaces are empty, and these; images in namespaces of others go to these, and the name goes from every ACL.
   * Errors: NotFoundError, StateError when a namespace has images, or when no active admin would be left.
   */
  async remove(user: StoredUser, by: Change): Promise<void> {
    const { id, name } = user
    await this.#transactions.run((trx) =>
      keepAnAdmin(trx, async () => {
        const namespaces = await trx
          .selectFrom('namespaces')
          .select('namespace')
          .where('owner_user', '=', id)
          .orderBy('namespace')
          .execute()
        for (const { namespace } of namespaces)
          await removeNamespace({ trx, acls: this.#acls }, namespace, by)
        await this.#handOver(trx, user, by)
        await this.#acls.forget({ kind: 'user', subject: name }, { author: by.author, trx })
        const { numDeletedRows } = await trx
          .deleteFrom('users')
          .where('id', '=', id)
          .executeTakeFirstOrThrow()
        if (numDeletedRows === 0n) throw gone()
      }),
    )
  }

  /** What the user has made in namespaces of others belongs to the owners of these. */
  async #handOver(trx: ChainTransaction, user: StoredUser, by: Change): Promise<void> {
    const rows = await selectImages(trx).where('images.owner', '=', user.id).orderBy('images.id').execute()
    for (const image of rows.map(storedImage)) await this.#give(trx, image, by)
  }

  async #give(trx: ChainTransaction, image: StoredImage, by: Change): Promise<void> {
    const { uuid, namespace, ownerName } = image
    const owner = await ownerOf(trx, namespace)
    if (owner === undefined) throw new StateError(`the namespace ${namespace} has no owner`)
    const subject = { kind: owner.kind, subject: owner.name }
    await this.#acls.setOwner(imageTarget(uuid), subject, { author: by.author, trx })
    const details = { from: ownerName, to: owner.name }
    await writeHistory(trx, image, { ...by, action: 'owner', details })
  }
}

function gone(): NotFoundError {
  return new NotFoundError('the user has been removed meanwhile')
}
