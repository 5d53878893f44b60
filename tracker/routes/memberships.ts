import { GroupParams, GroupPermissionParams, GroupUserParams } from '../../src/api/group-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { PermissionNames, UserUrls } from '../../src/api/user-schemas.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import { PERMISSIONS, type Permission } from '../../src/core/permission.ts'
import { askerOf } from '../access/asker.ts'
import { userUrl } from '../accounts/account-views.ts'
import { checkMembership, checkPermissions } from '../accounts/group-rules.ts'
import type { Handler, Registration } from '../http/route.ts'
import { Empty, problems } from './answers.ts'
import { groupNamed } from './groups.ts'
import { userNamed } from './users.ts'

const tags = ['groups']

const listMembersSchema = {
  tags,
  summary: 'Who is in a group',
  params: GroupParams,
  response: { 200: UserUrls, ...problems },
}

const addMemberSchema = {
  tags,
  summary: 'Let a user into a group',
  description:
    'Needs group_modify_membership, and everything that the group allows; an admin for the group admins.',
  params: GroupUserParams,
  response: { 200: Empty, ...problems },
}

const removeMemberSchema = {
  tags,
  summary: 'Take a user out of a group',
  description:
    'Needs group_modify_membership; an admin for the group admins, whose last active member stays (409).',
  params: GroupUserParams,
  response: { 200: Empty, ...problems },
}

const listPermissionsSchema = {
  tags,
  summary: 'What a group allows',
  params: GroupParams,
  response: { 200: PermissionNames, ...problems },
}

const addPermissionSchema = {
  tags,
  summary: 'Let a group allow more',
  description: 'Needs group_modify_permissions, and the permission itself; an admin for the group users.',
  params: GroupPermissionParams,
  response: { 200: Empty, ...problems },
}

const removePermissionSchema = {
  tags,
  summary: 'Let a group allow less',
  description: 'Needs group_modify_permissions; an admin for the group users. Admins keep theirs (409).',
  params: GroupPermissionParams,
  response: { 200: Empty, ...problems },
}

const listMembers: Handler<typeof listMembersSchema> = (context) => async (request) => {
  context.access.user(askerOf(request), { change: false })
  const group = await groupNamed(context, request.params.group)
  const baseUrl = context.baseUrl(request)
  return (await context.catalog.groups.users(group)).map((user) => userUrl(baseUrl, user))
}

const addMember: Handler<typeof addMemberSchema> = (context) => async (request, reply) => {
  const asker = context.access.permission(askerOf(request), 'group_modify_membership')
  const group = await groupNamed(context, request.params.group)
  const user = await userNamed(context, request.params.user)
  await checkMembership(context, asker, { group, gives: true })
  await context.catalog.groups.addUser(group, user)
  return reply.send()
}

const removeMember: Handler<typeof removeMemberSchema> = (context) => async (request, reply) => {
  const asker = context.access.permission(askerOf(request), 'group_modify_membership')
  const group = await groupNamed(context, request.params.group)
  const user = await userNamed(context, request.params.user)
  await checkMembership(context, asker, { group, gives: false })
  await context.catalog.groups.removeUser(group, user)
  return reply.send()
}

const listPermissions: Handler<typeof listPermissionsSchema> = (context) => async (request) => {
  context.access.user(askerOf(request), { change: false })
  return await context.catalog.groups.permissions(await groupNamed(context, request.params.group))
}

const addPermission: Handler<typeof addPermissionSchema> = (context) => async (request, reply) => {
  const asker = context.access.permission(askerOf(request), 'group_modify_permissions')
  const group = await groupNamed(context, request.params.group)
  const permission = permissionNamed(request.params.permission)
  const held = await context.catalog.groups.permissions(group)
  if (held.includes(permission)) return reply.send()
  checkPermissions(context, asker, { group, given: [permission] })
  await context.catalog.groups.addPermission(group, permission)
  return reply.send()
}

const removePermission: Handler<typeof removePermissionSchema> = (context) => async (request, reply) => {
  const asker = context.access.permission(askerOf(request), 'group_modify_permissions')
  const group = await groupNamed(context, request.params.group)
  const permission = permissionNamed(request.params.permission)
  checkPermissions(context, asker, { group, given: [] })
  await context.catalog.groups.removePermission(group, permission)
  return reply.send()
}

/** A word of a path: what does not exist is not there. Throws NotFoundError. */
function permissionNamed(text: string): Permission {
  const known = PERMISSIONS.find((permission) => permission === text)
  if (known !== undefined) return known
  throw new NotFoundError(`there is no permission ${text}; there are ${PERMISSIONS.join(' ')}`)
}

/** Who is in groups, and what groups allow. */
export const membershipRoutes: Registration = (app, context) => {
  const { groupUsers, groupUser, groupPermissions, groupPermission } = TRACKER_PATHS
  const add = { schema: addPermissionSchema, handler: addPermission(context) }
  const remove = { schema: removePermissionSchema, handler: removePermission(context) }
  const list = { schema: listPermissionsSchema, handler: listPermissions(context) }
  app.route({ method: 'GET', url: groupUsers, schema: listMembersSchema, handler: listMembers(context) })
  app.route({ method: 'POST', url: groupUser, schema: addMemberSchema, handler: addMember(context) })
  app.route({ method: 'DELETE', url: groupUser, schema: removeMemberSchema, handler: removeMember(context) })
  app.route({ method: 'GET', url: groupPermissions, ...list })
  app.route({ method: 'POST', url: groupPermission, ...add })
  app.route({ method: 'DELETE', url: groupPermission, ...remove })
}
