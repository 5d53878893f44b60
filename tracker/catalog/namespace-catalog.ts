import type { Kysely } from 'kysely'
import { namespaceTarget } from '../../src/core/acl.ts'
import { ConflictError, NotFoundError, StateError } from '../../src/core/errors.ts'
import type { Namespace } from '../../src/core/reference.ts'
import type { AclBook } from '../acl/acl-book.ts'
import type { ChainTransaction, ChainTransactions } from '../acl/chain-transactions.ts'
import { holderOf } from './account-names.ts'
import { type Db, takeTurn } from './db.ts'
import { rememberName } from './former-names.ts'
import type { Change } from './history-catalog.ts'
import { makeNamespace, type NewNamespace } from './image-counts.ts'
import type { NamespaceOwner } from './namespace-owner.ts'
import type { CatalogSchema } from './schema.ts'

/** A namespace as it is stored. */
export interface StoredNamespace {
  readonly namespace: Namespace
  readonly owner: NamespaceOwner
  readonly createdAtMs: number
}

/** Namespaces and their owners. */
export class NamespaceCatalog {
  readonly #db: Kysely<CatalogSchema>
  readonly #acls: AclBook
  readonly #transactions: ChainTransactions

  constructor(components: { db: Kysely<CatalogSchema>; acls: AclBook; transactions: ChainTransactions }) {
    this.#db = components.db
    this.#acls = components.acls
    this.#transactions = components.transactions
  }

  /** Undefined while the namespace does not exist. */
  async ownerOf(namespace: Namespace): Promise<NamespaceOwner | undefined> {
    return await ownerOf(this.#db, namespace)
  }

  /**
   * Whose a namespace of this name is, or will be when it is made: the user's or group's that is called so. Undefined when
   * nobody is.
   */
  async holderOf(name: Namespace): Promise<NamespaceOwner | undefined> {
    const owner = await ownerOf(this.#db, name)
    if (owner !== undefined) return owner
    const user = await this.#db.selectFrom('users').select('id').where('name', '=', name).executeTakeFirst()
    if (user !== undefined) return { kind: 'user', id: user.id, name }
    const groups = this.#db.selectFrom('groups').select('id').where('name', '=', name)
    const group = await groups.executeTakeFirst()
    return group === undefined ? undefined : { kind: 'group', id: group.id, name }
  }

  async ownedBy(user: { id: number }): Promise<Namespace[]> {
    const query = this.#db.selectFrom('namespaces').select('namespace').where('owner_user', '=', user.id)
    return (await query.orderBy('namespace').execute()).map((row) => row.namespace)
  }

  /** Of the user, and of the groups that the user is in. */
  async writableBy(user: { id: number }): Promise<Namespace[]> {
    const rows = await this.#db
      .selectFrom('namespaces')
      .leftJoin('memberships', (join) =>
        join
          .onRef('memberships.group_id', '=', 'namespaces.owner_group')
          .on('memberships.user_id', '=', user.id),
      )
      .select('namespaces.namespace')
      .where((where) =>
        where.or([where('namespaces.owner_user', '=', user.id), where('memberships.user_id', '=', user.id)]),
      )
      .orderBy('namespaces.namespace')
      .execute()
    return rows.map((row) => row.namespace)
  }

  async list(): Promise<StoredNamespace[]> {
    const rows = await selectOwners(this.#db).orderBy('namespaces.namespace').execute()
    return rows.flatMap((row) => {
      const owner = ownerOfRow(row)
      return owner === undefined ? [] : [{ namespace: row.namespace, owner, createdAtMs: row.createdAtMs }]
    })
  }

  /**
   * Makes a namespace with its ACL; false when it exists. Errors: ConflictError when its name is that of a user or group that would not
   * own it; LimitError, TamperedError.
   */
  async create(namespace: Namespace, init: Omit<NewNamespace, 'namespace'>): Promise<boolean> {
    const acls = this.#acls
    return await this.#transactions.run(async (trx) => {
      await takeTurn(trx, 'names')
      if ((await ownerOf(trx, namespace)) !== undefined) return false
      await checkNamesake(trx, namespace, init.owner)
      return await makeNamespace({ trx, acls }, { namespace, ...init })
    })
  }

  /** Removes a namespace without images, and ends its ACL. Errors: NotFoundError, StateError while it has images. */
  async remove(namespace: Namespace, by: Change): Promise<void> {
    const acls = this.#acls
    await this.#transactions.run((trx) => removeNamespace({ trx, acls }, namespace, by))
  }
}

/** The namespace that is called like somebody is that one's. */
async function checkNamesake(trx: Db, namespace: Namespace, owner: NamespaceOwner): Promise<void> {
  if (owner.name === namespace) return
  const holder = await holderOf(trx, namespace)
  if (holder === undefined || holder === 'namespace') return
  throw new ConflictError(
    `there is a ${holder} called ${namespace}: the namespace of this name is not for others`,
  )
}

/** As NamespaceCatalog.remove, as a part of more. */
export async function removeNamespace(
  { trx, acls }: { trx: ChainTransaction; acls: Pick<AclBook, 'end'> },
  namespace: Namespace,
  { author }: Change,
): Promise<void> {
  await takeTurn(trx, 'names')
  const images = await trx
    .selectFrom('images')
    .select(['name', 'uuid', 'last_version as lastVersion', 'removed'])
    .where('namespace', '=', namespace)
    .execute()
  const present = images.filter(({ removed }) => removed === 0).length
  if (present > 0)
    throw new StateError(`the namespace ${namespace} has ${present} images: remove or move them first`, {
      data: { images: present },
    })
  // Numbers of versions are never used again, whoever has the namespace next.
  for (const { name, uuid, lastVersion } of images)
    if (lastVersion > 0) await rememberName(trx, { namespace, name }, { uuid, lastVersion })
  await trx.deleteFrom('images').where('namespace', '=', namespace).execute()
  await acls.end(namespaceTarget(namespace), { author, trx })
  const { numDeletedRows } = await trx
    .deleteFrom('namespaces')
    .where('namespace', '=', namespace)
    .executeTakeFirstOrThrow()
  if (numDeletedRows === 0n) throw new NotFoundError(`there is no namespace ${namespace}`)
}

export async function ownerOf(db: Db, namespace: Namespace): Promise<NamespaceOwner | undefined> {
  const row = await selectOwners(db).where('namespace', '=', namespace).executeTakeFirst()
  return row === undefined ? undefined : ownerOfRow(row)
}

function selectOwners(db: Db) {
  return db
    .selectFrom('namespaces')
    .leftJoin('users', 'users.id', 'namespaces.owner_user')
    .leftJoin('groups', 'groups.id', 'namespaces.owner_group')
    .select(['users.id as user', 'users.name as userName', 'groups.id as group', 'groups.name as groupName'])
    .select(['namespaces.namespace', 'namespaces.created_at as createdAtMs'])
}

function ownerOfRow(row: {
  user: number | null
  userName: string | null
  group: number | null
  groupName: string | null
}): NamespaceOwner | undefined {
  const { user, userName, group, groupName } = row
  if (user !== null && userName !== null) return { kind: 'user', id: user, name: userName }
  if (group !== null && groupName !== null) return { kind: 'group', id: group, name: groupName }
  return undefined
}
