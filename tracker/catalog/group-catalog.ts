import type { Kysely } from 'kysely'
import { InvalidError, LimitError } from '../../src/core/errors.ts'
import type { Permission } from '../../src/core/permission.ts'
import { GROUPS_MAX } from '../../src/core/registry-limits.ts'
import { checkNameIsFree } from './account-names.ts'
import { keepAnAdmin } from './admin-count.ts'
import { type Db, takeTurn } from './db.ts'
import type { CatalogSchema } from './schema.ts'

/** A group as it is stored. */
export interface StoredGroup {
  readonly id: number
  readonly name: string
  /** One of those that every tracker has. */
  readonly protected: boolean
  readonly createdAtMs: number
}

export interface NewGroup {
  readonly name: string
  /** Names of its first members. */
  readonly users?: readonly string[]
  readonly nowMs: number
}

/** Groups, who is in them, and what they allow. */
export class GroupCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  async names(): Promise<string[]> {
    const rows = await this.#db.selectFrom('groups').select('name').orderBy('name').execute()
    return rows.map((row) => row.name)
  }

  async byName(name: string): Promise<StoredGroup | undefined> {
    const row = await this.#db
      .selectFrom('groups')
      .select(['id', 'name', 'protected', 'created_at as createdAtMs'])
      .where('name', '=', name)
      .executeTakeFirst()
    return row === undefined ? undefined : { ...row, protected: row.protected !== 0 }
  }

  /** Names of its members. */
  async users(group: { readonly id: number }): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('memberships')
      .innerJoin('users', 'users.id', 'memberships.user_id')
      .select('users.name')
      .where('memberships.group_id', '=', group.id)
      .orderBy('users.name')
      .execute()
    return rows.map((row) => row.name)
  }

  async permissions(group: { readonly id: number }): Promise<Permission[]> {
    const query = this.#db.selectFrom('group_permissions').select('permission')
    const rows = await query.where('group_id', '=', group.id).orderBy('permission').execute()
    return rows.map((row) => row.permission)
  }

  /** What several groups allow together. Names that are of no group allow nothing. */
  async permissionsOf(names: readonly string[]): Promise<ReadonlySet<Permission>> {
    if (names.length === 0) return new Set()
    const rows = await this.#db
      .selectFrom('group_permissions')
      .innerJoin('groups', 'groups.id', 'group_permissions.group_id')
      .select('permission')
      .where('groups.name', 'in', names)
      .execute()
    return new Set(rows.map((row) => row.permission))
  }

  /** Errors: ConflictError when the name is taken, InvalidError for a user who does not exist, LimitError. */
  async create({ name, users = [], nowMs }: NewGroup): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, 'names')
      await checkNameIsFree(trx, name)
      const { groups } = await trx
        .selectFrom('groups')
        .select((select) => select.fn.countAll<number>().as('groups'))
        .executeTakeFirstOrThrow()
      if (groups >= GROUPS_MAX)
        throw new LimitError(`the tracker has ${groups} groups, which is as many as it may`)
      const { id } = await trx
        .insertInto('groups')
        .values({ name, created_at: nowMs })
        .returning('id')
        .executeTakeFirstOrThrow()
      await addMembers(trx, id, users)
    })
  }

  /** Nothing happens when the user is in it. */
  async addUser(group: { readonly id: number }, user: { readonly id: number }): Promise<void> {
    await this.#db
      .insertInto('memberships')
      .values({ group_id: group.id, user_id: user.id })
      .onConflict((on) => on.doNothing())
      .execute()
  }

  /** Nothing happens when the user is not in it. Errors: StateError when no active admin would be left. */
  async removeUser(group: { readonly id: number }, user: { readonly id: number }): Promise<void> {
    await this.#db.transaction().execute((trx) =>
      keepAnAdmin(trx, async () => {
        const members = trx.deleteFrom('memberships').where('group_id', '=', group.id)
        await members.where('user_id', '=', user.id).execute()
      }),
    )
  }

  async addPermission(group: { readonly id: number }, permission: Permission): Promise<void> {
    await this.#db
      .insertInto('group_permissions')
      .values({ group_id: group.id, permission })
      .onConflict((on) => on.doNothing())
      .execute()
  }

  async removePermission(group: { readonly id: number }, permission: Permission): Promise<void> {
    const query = this.#db.deleteFrom('group_permissions').where('group_id', '=', group.id)
    await query.where('permission', '=', permission).execute()
  }
}

/** Throws InvalidError for a user who does not exist. */
export async function addMembers(trx: Db, group: number, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  const found = await trx.selectFrom('users').select(['id', 'name']).where('name', 'in', names).execute()
  const known = new Set(found.map(({ name }) => name))
  const unknown = names.find((name) => !known.has(name))
  if (unknown !== undefined) throw new InvalidError(`there is no user ${unknown}`)
  await trx
    .insertInto('memberships')
    .values(found.map(({ id }) => ({ group_id: group, user_id: id })))
    .execute()
}
