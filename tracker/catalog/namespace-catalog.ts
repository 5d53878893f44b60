import type { Kysely } from 'kysely'
import type { Namespace } from '../../src/core/reference.ts'
import type { AclBook } from '../acl/acl-book.ts'
import type { ChainTransactions } from '../acl/chain-transactions.ts'
import type { Db } from './db.ts'
import { makeNamespace, type NewNamespace } from './image-counts.ts'
import type { NamespaceOwner } from './namespace-owner.ts'
import type { CatalogSchema } from './schema.ts'

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

  async ownedBy(user: { id: number }): Promise<Namespace[]> {
    const query = this.#db.selectFrom('namespaces').select('namespace').where('owner_user', '=', user.id)
    return (await query.orderBy('namespace').execute()).map((row) => row.namespace)
  }

  /** Makes a namespace with its ACL; false when it exists. Errors: LimitError, TamperedError. */
  async create(namespace: Namespace, init: Omit<NewNamespace, 'namespace'>): Promise<boolean> {
    const acls = this.#acls
    return await this.#transactions.run((trx) => makeNamespace({ trx, acls }, { namespace, ...init }))
  }
}

async function ownerOf(db: Db, namespace: Namespace): Promise<NamespaceOwner | undefined> {
  const row = await db
    .selectFrom('namespaces')
    .leftJoin('users', 'users.id', 'namespaces.owner_user')
    .leftJoin('groups', 'groups.id', 'namespaces.owner_group')
    .select(['users.id as user', 'users.name as userName', 'groups.id as group', 'groups.name as groupName'])
    .where('namespace', '=', namespace)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { user, userName, group, groupName } = row
  if (user !== null && userName !== null) return { kind: 'user', id: user, name: userName }
  if (group !== null && groupName !== null) return { kind: 'group', id: group, name: groupName }
  return undefined
}
