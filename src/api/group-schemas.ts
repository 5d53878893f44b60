import { type Static, Type } from '@sinclair/typebox'
import { PERMISSIONS } from '../core/permission.ts'
import { ACCOUNT_NAMES_MAX } from '../core/registry-limits.ts'
import { NamespaceText, NameText } from './name-schemas.ts'
import { ignoresUnknownInForms } from './text-values.ts'
import { NameList, PermissionNames, UserUrls } from './user-schemas.ts'

/** Groups and namespaces (docs/specs/registry-v1.md sections 2 and 9). */

const closed = { additionalProperties: false }

export const GroupParams = Type.Object({ group: NameText }, closed)
export const GroupUserParams = Type.Object({ group: NameText, user: NameText }, closed)
export const GroupPermissionParams = Type.Object({ group: NameText, permission: NameText }, closed)

/** What the members may do: a list or comma-separated. */
const PermissionList = Type.Union([
  Type.Array(Type.String({ maxLength: 64 }), { maxItems: PERMISSIONS.length }),
  Type.String({ maxLength: 64 * ACCOUNT_NAMES_MAX }),
])

export const CreateGroupBody = Type.Object(
  { name: NameText, users: Type.Optional(NameList) },
  { ...closed, ...ignoresUnknownInForms, xml: { name: 'group' } },
)

export const ModifyGroupBody = Type.Object(
  {
    name: Type.Optional(NameText),
    /** All members from then on. */
    users: Type.Optional(NameList),
    /** All permissions from then on. */
    permissions: Type.Optional(PermissionList),
  },
  { ...closed, ...ignoresUnknownInForms, xml: { name: 'group' } },
)

export const GroupObject = Type.Object(
  { name: NameText, permissions: PermissionNames, users: UserUrls },
  { xml: { name: 'group' } },
)

export const NamespaceParams = Type.Object({ namespace: NamespaceText }, closed)

/** Whose it is: a user's or a group's. */
export const CreateNamespaceBody = Type.Object(
  { namespace: NamespaceText, user: Type.Optional(NameText), group: Type.Optional(NameText) },
  { ...closed, xml: { name: 'namespace' } },
)

export const NamespaceObject = Type.Object(
  {
    namespace: NamespaceText,
    user: Type.Union([NameText, Type.Null()], { description: 'name of the user who owns it' }),
    group: Type.Union([NameText, Type.Null()], { description: 'name of the group that owns it' }),
    created: Type.String({ description: 'C ctime form, UTC' }),
  },
  { xml: { name: 'namespace' } },
)
export const NamespaceObjects = Type.Array(NamespaceObject, { xml: { name: 'namespaces' } })

export type GroupObject = Static<typeof GroupObject>
export type NamespaceObject = Static<typeof NamespaceObject>
