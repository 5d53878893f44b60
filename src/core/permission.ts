import { InvalidError } from './errors.ts'

/** What a group may allow its members (the 14 of Repoman). Everybody may do more with what is their own. */
export const PERMISSIONS = [
  'user_create',
  'user_modify',
  'user_delete',
  'user_modify_self',
  'group_create',
  'group_modify',
  'group_delete',
  'group_modify_membership',
  'group_modify_permissions',
  'image_modify_group',
  'image_delete_group',
  'image_create',
  'image_delete',
  'image_modify',
] as const

export type Permission = (typeof PERMISSIONS)[number]

/** Throws InvalidError that lists the permissions. */
export function parsePermission(text: string): Permission {
  const known = PERMISSIONS.find((permission) => permission === text)
  if (known !== undefined) return known
  throw new InvalidError(`"${text.slice(0, 80)}" is no permission; there are ${PERMISSIONS.join(' ')}`)
}

/** Its members pass every check. Cannot be removed. */
export const ADMINS_GROUP = 'admins'
/** Every user is in it. Cannot be removed. */
export const USERS_GROUP = 'users'
/** Every enrolled node is in it; users never are. It exists only as a subject of ACLs. */
export const NODES_GROUP = 'nodes'

/** Names that no group of a site may take. */
export const PROTECTED_GROUPS: ReadonlySet<string> = new Set([ADMINS_GROUP, USERS_GROUP, NODES_GROUP])

/** What the protected groups allow from the start. */
export const FIRST_PERMISSIONS: Readonly<Record<string, readonly Permission[]>> = {
  [ADMINS_GROUP]: PERMISSIONS,
  [USERS_GROUP]: ['user_modify_self', 'image_create'],
}

/** `pending` waits for an admin, `inactive` has been retired, `suspended` has been shut out. Only `active` may ask. */
export const USER_STATES = ['pending', 'active', 'inactive', 'suspended'] as const
export type UserState = (typeof USER_STATES)[number]

/** `pending` waits for an admin, `revoked` gets no pass and no grant any more. */
export const NODE_STATES = ['pending', 'active', 'revoked'] as const
export type NodeState = (typeof NODE_STATES)[number]

/** Life of an image (VISOR): a slot without bytes is locked. */
export const IMAGE_STATES = ['locked', 'uploading', 'available', 'error'] as const
export type ImageState = (typeof IMAGE_STATES)[number]
