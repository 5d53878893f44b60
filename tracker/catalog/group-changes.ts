import { imageTarget, namespaceTarget } from '../../src/core/acl.ts'
import { NotFoundError, StateError } from '../../src/core/errors.ts'
import type { Permission } from '../../src/core/permission.ts'
import type { AclBook } from '../acl/acl-book.ts'
import type { ChainTransaction, ChainTransactions } from '../acl/chain-transactions.ts'
import { checkNameIsFree } from './account-names.ts'
import { keepAnAdmin } from './admin-count.ts'
import { takeTurn } from './db.ts'
import { addMembers, type StoredGroup } from './group-catalog.ts'
import type { Change } from './history-catalog.ts'

/** What is to be different of a group; what is left out stays. */
export interface GroupChange {
  readonly name?: string | undefined
  /** Names of all members from then on. */
  readonly users?: readonly string[] | undefined
  /** All that it allows from then on. */
  readonly permissions?: readonly Permission[] | undefined
}

/** Changes of groups that reach into ACLs. */
export class GroupChanges {
  readonly #acls: AclBook
  readonly #transactions: ChainTransactions

  constructor(components: { acls: AclBook; transactions: ChainTransactions }) {
    this.#acls = components.acls
    this.#transactions = components.transactions
  }

  /**
   * All or nothing. A new name is that in every ACL too; names of its namespaces stay, as references to images do. Errors: ConflictError when
   * the name is taken, InvalidError for a user who does not exist, StateError when no active admin would be left, NotFoundError.
   */
  async change(group: StoredGroup, change: GroupChange, by: Change): Promise<void> {
    const { name, users, permissions } = change
    await this.#transactions.run((trx) =>
      keepAnAdmin(trx, async () => {
        if (users !== undefined) {
          await trx.deleteFrom('memberships').where('group_id', '=', group.id).execute()
          await addMembers(trx, group.id, users)
        }
        if (permissions !== undefined) await setPermissions(trx, group, permissions)
        if (name !== undefined && name !== group.name) await this.#rename(trx, group, { to: name, by })
      }),
    )
  }

  async #rename(
    trx: ChainTransaction,
    group: StoredGroup,
    { to, by: { author } }: { to: string; by: Change },
  ): Promise<void> {
    await checkNameIsFree(trx, to)
    const { numUpdatedRows } = await trx
      .updateTable('groups')
      .set({ name: to })
      .where('id', '=', group.id)
      .executeTakeFirstOrThrow()
    if (numUpdatedRows === 0n) throw gone(group)
    // Afterwards, and owners first: every change of an ACL writes the owner that it names into the tables, found by its name.
    await this.#renameOwner(trx, { group, to, author })
    await this.#acls.renameSubject({ kind: 'group', subject: group.name, to }, { author, trx })
  }

  /** The name goes from every ACL. Errors: NotFoundError, StateError while it owns namespaces. */
  async remove(group: StoredGroup, by: Change): Promise<void> {
    const { author } = by
    await this.#transactions.run(async (trx) => {
      await takeTurn(trx, 'names')
      const owned = await namespacesOf(trx, group)
      if (owned.length > 0)
        throw new StateError(
          `the group ${group.name} owns the namespaces ${owned.join(', ').slice(0, 500)}: remove them first`,
          { data: { namespaces: owned.length } },
        )
      await this.#acls.forget({ kind: 'group', subject: group.name }, { author, trx })
      const { numDeletedRows } = await trx
        .deleteFrom('groups')
        .where('id', '=', group.id)
        .executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) throw gone(group)
    })
  }

  /** Of its namespaces, and of the images in them that lost the user who made them. */
  async #renameOwner(
    trx: ChainTransaction,
    { group, to, author }: { group: StoredGroup; to: string; author: string },
  ): Promise<void> {
    const owner = { kind: 'group', subject: to } as const
    const namespaces = await namespacesOf(trx, group)
    for (const namespace of namespaces)
      await this.#acls.setOwner(namespaceTarget(namespace), owner, { author, trx })
    if (namespaces.length === 0) return
    const images = await trx
      .selectFrom('images')
      .select('uuid')
      .where('namespace', 'in', namespaces)
      .where('owner', 'is', null)
      .where('removed', '=', 0)
      .orderBy('uuid')
      .execute()
    for (const { uuid } of images) await this.#acls.setOwner(imageTarget(uuid), owner, { author, trx })
  }
}

async function setPermissions(
  trx: ChainTransaction,
  group: StoredGroup,
  permissions: readonly Permission[],
): Promise<void> {
  await trx.deleteFrom('group_permissions').where('group_id', '=', group.id).execute()
  if (permissions.length === 0) return
  await trx
    .insertInto('group_permissions')
    .values([...new Set(permissions)].map((permission) => ({ group_id: group.id, permission })))
    .execute()
}

async function namespacesOf(trx: ChainTransaction, group: StoredGroup) {
  const query = trx.selectFrom('namespaces').select('namespace').where('owner_group', '=', group.id)
  return (await query.orderBy('namespace').execute()).map((row) => row.namespace)
}

function gone(group: StoredGroup): NotFoundError {
  return new NotFoundError(`the group ${group.name} has been removed meanwhile`)
}
