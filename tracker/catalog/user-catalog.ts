import type { Kysely } from 'kysely'
import { ConflictError, InvalidError, LimitError } from '../../src/core/errors.ts'
import { NAME_CHARS_MAX } from '../../src/core/limits.ts'
import { type Permission, USERS_GROUP, type UserState } from '../../src/core/permission.ts'
import { USERS_MAX } from '../../src/core/registry-limits.ts'
import { checkNameIsFree, holderOf } from './account-names.ts'
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
  readonly quotaBytes?: number | null
  readonly quotaImages?: number | null
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

  /** Names of all users. */
  async names(): Promise<string[]> {
    const rows = await this.#db.selectFrom('users').select('name').orderBy('name').execute()
    return rows.map((row) => row.name)
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

  /**
   * Makes a user, who is in the group `users` and in `groups`. Errors: ConflictError when the name, the distinguished name or the
   * e-mail address is taken; InvalidError for a group that does not exist; LimitError.
   */
  async create(user: NewUser, groups: readonly string[] = []): Promise<StoredUser> {
    return await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, 'names')
      await checkNameIsFree(trx, user.name)
      await checkCertificateAndEmail(trx, user)
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

export function selectUsers(db: Db) {
  return db
    .selectFrom('users')
    .select([
      'users.id',
      'users.name',
      'users.dn',
      'users.full_name as fullName',
      'users.email',
      'users.state',
    ])
    .select(['users.quota_bytes as quotaBytes', 'users.quota_images as quotaImages'])
    .select('users.created_at as createdAtMs')
}

/** Throws ConflictError when another user has one of these, or a node the distinguished name. */
export async function checkCertificateAndEmail(
  trx: Db,
  { dn, email = null }: { dn?: string | undefined; email?: string | null | undefined },
  besides = 0,
): Promise<void> {
  const others = trx.selectFrom('users').select('name').where('id', '!=', besides)
  const namesake = dn === undefined ? undefined : await others.where('dn', '=', dn).executeTakeFirst()
  if (namesake !== undefined)
    throw new ConflictError(`the certificate ${dn} is that of the user ${namesake.name}`)
  const nodes = trx.selectFrom('nodes').select('name')
  const node = dn === undefined ? undefined : await nodes.where('dn', '=', dn).executeTakeFirst()
  if (node !== undefined) throw new ConflictError(`the certificate ${dn} is that of the node ${node.name}`)
  const sharer = email === null ? undefined : await others.where('email', '=', email).executeTakeFirst()
  if (sharer !== undefined) throw new ConflictError('another user has this e-mail address')
}

async function insertUser(trx: Db, user: NewUser, groups: readonly string[]): Promise<StoredUser> {
  const { users } = await trx
    .selectFrom('users')
    .select((select) => select.fn.countAll<number>().as('users'))
    .executeTakeFirstOrThrow()
  if (users >= USERS_MAX) throw new LimitError(`the tracker has ${users} users, which is as many as it may`)
  const { name, dn, state, fullName = '', email = null, quotaBytes = null, quotaImages = null, nowMs } = user
  const quotas = { quota_bytes: quotaBytes, quota_images: quotaImages }
  const { id } = await trx
    .insertInto('users')
    .values({ name, dn, state, full_name: fullName, email, ...quotas, created_at: nowMs, modified_at: nowMs })
    .returning('id')
    .executeTakeFirstOrThrow()
  await join(trx, id, [USERS_GROUP, ...groups])
  return await selectUsers(trx).where('users.id', '=', id).executeTakeFirstOrThrow()
}

/** Throws InvalidError for a group that does not exist. */
async function join(trx: Db, user: number, groups: readonly string[]): Promise<void> {
  if (groups.length === 0) return
  const found = await trx.selectFrom('groups').select(['id', 'name']).where('name', 'in', groups).execute()
  const known = new Set(found.map(({ name }) => name))
  const unknown = groups.find((group) => !known.has(group))
  if (unknown !== undefined) throw new InvalidError(`there is no group ${unknown}`)
  await trx
    .insertInto('memberships')
    .values(found.map(({ id }) => ({ group_id: id, user_id: user })))
    .onConflict((on) => on.doNothing())
    .execute()
}

/** `wanted` as a name that no user, group or namespace has. */
async function freeName(trx: Db, wanted: string): Promise<string> {
  const base = nameLike(wanted)
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base}-${i}`
    if ((await holderOf(trx, name)) === undefined) return name
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
