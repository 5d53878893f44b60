import { NotAuthorisedError } from '../../src/core/errors.ts'
import { ADMINS_GROUP, type Permission } from '../../src/core/permission.ts'
import type { UserAsker } from '../access/asker.ts'
import type { Standing } from '../catalog/user-catalog.ts'

/**
 * Nobody gives more than they have: who lets somebody into a group, or a group do something, may do all of that too. Otherwise each of
 * these permissions would be all of them. Throws NotAuthorisedError.
 */
export function checkHolds(asker: UserAsker, permissions: Iterable<Permission>): void {
  if (asker.admin) return
  const lacking = [...permissions].filter((permission) => !asker.permissions.has(permission))
  if (lacking.length > 0)
    throw new NotAuthorisedError(
      `${asker.name} cannot give what it does not have itself: ${lacking.join(' ')}; an admin can`,
    )
}

/**
 * Whoever changes the certificate of somebody, or removes somebody, could act in their place: only who may do as much. Throws
 * NotAuthorisedError.
 */
export function checkOutranks(asker: UserAsker, user: { readonly name: string } & Standing): void {
  if (asker.admin) return
  const isMore =
    user.groups.has(ADMINS_GROUP) || [...user.permissions].some((one) => !asker.permissions.has(one))
  if (isMore)
    throw new NotAuthorisedError(`${user.name} may do more than ${asker.name}: only an admin may do this`)
}

/** Whether somebody may see e-mail addresses, certificates and quotas of a user. */
export function seesPrivate(asker: UserAsker, user: { readonly id: number }): boolean {
  const { id, admin, permissions } = asker
  if (admin || id === user.id) return true
  return permissions.has('user_create') || permissions.has('user_modify') || permissions.has('user_delete')
}
