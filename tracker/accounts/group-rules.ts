import { NotAuthorisedError, StateError } from '../../src/core/errors.ts'
import { ADMINS_GROUP, type Permission, USERS_GROUP } from '../../src/core/permission.ts'
import type { Asker, UserAsker } from '../access/asker.ts'
import type { StoredGroup } from '../catalog/group-catalog.ts'
import type { RouteContext } from '../context.ts'
import { checkHolds } from './privileges.ts'

/** Throws NotAuthorisedError for `admins` and `users`, which every tracker has under these names. */
export function checkUnprotected(group: StoredGroup): void {
  if (group.protected)
    throw new NotAuthorisedError(`the group ${group.name} is one that every tracker has: it stays as it is`)
}

/**
 * Who may change who is in a group: with group_modify_membership, of `admins` only admins. Letting somebody in (`gives`) takes all
 * that the group allows. Throws NotAuthorisedError; StateError for `users`, which everybody is in.
 */
export async function checkMembership(
  { access, catalog }: RouteContext,
  asker: Asker,
  { group, gives }: { group: StoredGroup; gives: boolean },
): Promise<void> {
  const user = access.permission(asker, 'group_modify_membership')
  if (group.name === ADMINS_GROUP) access.admin(asker)
  if (group.name === USERS_GROUP && !gives)
    throw new StateError('every user is in the group users: suspend or remove the user instead')
  if (gives && group.name !== USERS_GROUP) checkHolds(user, await catalog.groups.permissions(group))
}

/**
 * Who may change what a group allows: with group_modify_permissions, and only `given` what the asker may do itself; of `users`
 * only admins. Throws NotAuthorisedError; StateError for `admins`, who may do everything.
 */
export function checkPermissions(
  { access }: RouteContext,
  asker: Asker,
  { group, given }: { group: StoredGroup; given: readonly Permission[] },
): UserAsker {
  const user = access.permission(asker, 'group_modify_permissions')
  if (group.name === ADMINS_GROUP) throw new StateError('admins may do everything: their permissions stay')
  if (group.name === USERS_GROUP) access.admin(asker)
  checkHolds(user, given)
  return user
}
