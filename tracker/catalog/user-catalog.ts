import { type Kysely, sql } from 'kysely'
import { LimitError } from '../../src/core/errors.ts'
import { NAME_CHARS_MAX, USERS_MAX } from '../../src/core/limits.ts'
import { ADMINS_GROUP, type Permission, USERS_GROUP, type UserState } from '../../src/core/permission.ts'
import { type Db, takeTurn } from './db.ts'
import type { CatalogSchema } from './schema.ts'

/** A user as it is stored. */
export interface StoredUser {
  readonly id: number
  readonly name: string
  readonly dn: string
  readonly fullName: string
  readonly email: string | null
  readonly state: UserState
  readonly quotaBytes: number | null
  readonly quotaImages: number | null
  readonly createdAtMs: number
}

/** What the groups of a user add up to. */
export interface Standing {
  readonly groups: ReadonlySet<string>
  readonly permissions: ReadonlySet<Permission>
}

export interface NewUser {
  readonly name: string
  readonly dn: string
  readonly state: UserState
  readonly fullName?: string
  readonly email?: string | null
  readonly nowMs: number
}

/** Users and what their groups allow them. */
export class UserCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  async byDn(dn: string): Promise<StoredUser | undefined> {
    return await selectUsers(this.#db).where('dn', '=', dn).executeTakeFirst()
  }

  async byName(name: string): Promise<StoredUser | undefined> {
    return await selectUsers(this.#db).where('name', '=', name).executeTakeFirst()
  }

  async standing(user: { id: number }): Promise<Standing> {
    const rows = await this.#db
      .selectFrom('memberships')
      .innerJoin('groups', 'groups.id', 'memberships.group_id')
      .leftJoin('group_permissions', 'group_permissions.group_id', 'groups.id')
      .select(['groups.name', 'group_permissions.permission'])
      .where('memberships.user_id', '=', user.id)
      .execute()
    const permissions = rows.flatMap(({ permission }) => (permission === null ? [] : [permission]))
    return { groups: new Set(rows.map((row) => row.name)), permissions: new Set(permissions) }
  }

  /** Whether both are in a group other than `users`. */
  async shareGroup(user: number, other: number): Promise<boolean> {
    const row = await this.#db
      .selectFrom('memberships as mine')
      .innerJoin('memberships as theirs', 'theirs.group_id', 'mine.group_id')
      .innerJoin('groups', 'groups.id', 'mine.group_id')
      .select('groups.id')
      .where('mine.user_id', '=', user)
      .where('theirs.user_id', '=', other)
      .where('groups.name', '!=', USERS_GROUP)
      .executeTakeFirst()
    return row !== undefined
  }

  /** Makes a user, who is in the group `users` and in `groups`. Errors: LimitError. */
  async create(user: NewUser, groups: readonly string[] = []): Promise<StoredUser> {
    return await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, 'names')
      return await insertUser(trx, user, groups)
    })
  }

  /**
   * The user with this name in its certificate; made, with a free name like `wanted`, when there is none. Errors: LimitError.
   */
  async ensure(
    init: Omit<NewUser, 'name'> & { wanted: string },
    groups: readonly string[] = [],
  ): Promise<StoredUser> {
    const { wanted, ...rest } = init
    return await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, 'names')
      const known = await selectUsers(trx).where('dn', '=', rest.dn).executeTakeFirst()
      if (known !== undefined) {
        await join(trx, known.id, groups)
        return known
      }
      return await insertUser(trx, { ...rest, name: await freeName(trx, wanted) }, groups)
    })
  }
}

function selectUsers(db: Db) {
  return db
    .selectFrom('users')
    .select(['id', 'name', 'dn', 'full_name as fullName', 'email', 'state'])
    .select(['quota_bytes as quotaBytes', 'quota_images as quotaImages', 'created_at as createdAtMs'])
}

async function insertUser(trx: Db, user: NewUser, groups: readonly string[]): Promise<StoredUser> {
  const { users } = await trx
    .selectFrom('users')
    .select((select) => select.fn.countAll<number>().as('users'))
    .executeTakeFirstOrThrow()
  if (users >= USERS_MAX) throw new LimitError(`the tracker has ${users} users, which is as many as it may`)
  const { name, dn, state, fullName = '', email = null, nowMs } = user
  const { id } = await trx
    .insertInto('users')
    .values({ name, dn, state, full_name: fullName, email, created_at: nowMs, modified_at: nowMs })
    .returning('id')
    .executeTakeFirstOrThrow()
  await join(trx, id, [USERS_GROUP, ...groups])
  return await selectUsers(trx).where('id', '=', id).executeTakeFirstOrThrow()
}

async function join(trx: Db, user: number, groups: readonly string[]): Promise<void> {
  if (groups.length === 0) return
  await trx
    .insertInto('memberships')
    .columns(['group_id', 'user_id'])
    .expression(
      trx
        .selectFrom('groups')
        .select(['groups.id', sql<number>`${sql.lit(user)}`.as('user_id')])
        .where('name', 'in', groups),
    )
    .onConflict((on) => on.doNothing())
    .execute()
}

/** `wanted` as a name that no user, group or namespace has. */
async function freeName(trx: Db, wanted: string): Promise<string> {
  const base = nameLike(wanted)
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base}-${i}`
    const taken = await trx
      .selectFrom('users')
      .select('name')
      .where('name', '=', name)
      .union(trx.selectFrom('groups').select('name').where('name', '=', name))
      .union(
        trx
          .selectFrom('namespaces')
          .select('namespace as name')
          .where('namespace', '=', name as never),
      )
      .executeTakeFirst()
    if (taken === undefined && name !== ADMINS_GROUP) return name
  }
}

/** Words of a common name joined by dots, in the characters that names have. */
function nameLike(text: string): string {
  const name = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-zA-Z0-9_.-]+/g, '.')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, NAME_CHARS_MAX - 8)
  return name === '' ? 'user' : name
}
