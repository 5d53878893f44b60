import { StateError } from '../../src/core/errors.ts'
import { ADMINS_GROUP } from '../../src/core/permission.ts'
import { type Db, takeTurn } from './db.ts'

/**
 * Runs a change of accounts after which there must be an active admin, if there was one before. Throws StateError. Other such
 * changes wait until this transaction has ended, so that two admins cannot take each other's rights away.
 */
export async function keepAnAdmin<T>(trx: Db, change: () => Promise<T>): Promise<T> {
  await takeTurn(trx, 'names')
  const before = await activeAdmins(trx)
  const result = await change()
  if (before > 0 && (await activeAdmins(trx)) === 0)
    throw new StateError(
      'this is the last active admin, and without one nobody could change users: name another first',
    )
  return result
}

async function activeAdmins(trx: Db): Promise<number> {
  const { admins } = await trx
    .selectFrom('memberships')
    .innerJoin('groups', 'groups.id', 'memberships.group_id')
    .innerJoin('users', 'users.id', 'memberships.user_id')
    .select((select) => select.fn.countAll<number>().as('admins'))
    .where('groups.name', '=', ADMINS_GROUP)
    .where('users.state', '=', 'active')
    .executeTakeFirstOrThrow()
  return Number(admins)
}
