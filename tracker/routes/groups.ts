import { CreateGroupBody, GroupObject, GroupParams, ModifyGroupBody } from '../../src/api/group-schemas.ts'
import { ImageUrls } from '../../src/api/image-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { GroupUrls } from '../../src/api/user-schemas.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import { parsePermission } from '../../src/core/permission.ts'
import { askerOf } from '../access/asker.ts'
import { groupObject, groupUrl, imageUrls } from '../accounts/account-views.ts'
import { checkMembership, checkPermissions, checkUnprotected } from '../accounts/group-rules.ts'
import { namesOf } from '../accounts/user-facts.ts'
import type { StoredGroup } from '../catalog/group-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { Empty, problems } from './answers.ts'

const tags = ['groups']

const listGroupsSchema = { tags, summary: 'Every group', response: { 200: GroupUrls, ...problems } }

const createGroupSchema = {
  tags,
  summary: 'Make a group, which allows nothing at first',
  description: 'Needs group_create.',
  body: CreateGroupBody,
  response: { 200: GroupObject, ...problems },
}

const showGroupSchema = {
  tags,
  summary: 'One group',
  params: GroupParams,
  response: { 200: GroupObject, ...problems },
}

const modifyGroupSchema = {
  tags,
  summary: 'Change a group',
  description:
    'Needs group_modify, with users also group_modify_membership, with permissions also group_modify_permissions. The new name is that in every ACL too.',
  params: GroupParams,
  body: ModifyGroupBody,
  response: { 200: Empty, ...problems },
}

const removeGroupSchema = {
  tags,
  summary: 'Remove a group; its members stay',
  description: 'Needs group_delete. Protected groups stay (403), and one that owns namespaces (409).',
  params: GroupParams,
  response: { 200: Empty, ...problems },
}

const listSharedWithGroupSchema = {
  tags,
  summary: 'Images that are shared with a group',
  description: 'Those that the asker may read.',
  params: GroupParams,
  response: { 200: ImageUrls, ...problems },
}

const listGroups: Handler<typeof listGroupsSchema> = (context) => async (request) => {
  context.access.user(askerOf(request), { change: false })
  const baseUrl = context.baseUrl(request)
  return (await context.catalog.groups.names()).map((group) => groupUrl(baseUrl, group))
}

const createGroup: Handler<typeof createGroupSchema> = (context) => async (request) => {
  const { access, catalog, clock } = context
  const asker = access.permission(askerOf(request), 'group_create')
  const { name, users } = request.body
  await catalog.groups.create({ name, users: namesOf(users), nowMs: clock.now() })
  const group = await groupNamed(context, name)
  return await groupObject(context, group, { asker, baseUrl: context.baseUrl(request) })
}

const showGroup: Handler<typeof showGroupSchema> = (context) => async (request) => {
  const asker = context.access.user(askerOf(request), { change: false })
  const group = await groupNamed(context, request.params.group)
  return await groupObject(context, group, { asker, baseUrl: context.baseUrl(request) })
}

const modifyGroup: Handler<typeof modifyGroupSchema> = (context) => async (request, reply) => {
  const { access, catalog, clock } = context
  const asker = access.permission(askerOf(request), 'group_modify')
  const group = await groupNamed(context, request.params.group)
  const { name, users, permissions } = request.body
  if (name !== undefined && name !== group.name) checkUnprotected(group)
  if (users !== undefined) {
    await checkMembership(context, asker, { group, gives: false })
    await checkMembership(context, asker, { group, gives: true })
  }
  const wanted = permissions === undefined ? undefined : namesOf(permissions).map(parsePermission)
  if (wanted !== undefined) {
    const held = await catalog.groups.permissions(group)
    checkPermissions(context, asker, { group, given: wanted.filter((one) => !held.includes(one)) })
  }
  const change = { name, users: users === undefined ? undefined : namesOf(users), permissions: wanted }
  await catalog.groupChanges.change(group, change, { author: asker.dn, nowMs: clock.now() })
  return reply.send()
}

const removeGroup: Handler<typeof removeGroupSchema> = (context) => async (request, reply) => {
  const { access, catalog, clock } = context
  const asker = access.permission(askerOf(request), 'group_delete')
  const group = await groupNamed(context, request.params.group)
  checkUnprotected(group)
  await catalog.groupChanges.remove(group, { author: asker.dn, nowMs: clock.now() })
  return reply.send()
}

const listSharedWithGroup: Handler<typeof listSharedWithGroupSchema> = (context) => async (request) => {
  const asker = context.access.user(askerOf(request), { change: false })
  const group = await groupNamed(context, request.params.group)
  return await imageUrls(context, { sharedWithGroup: group }, { asker, baseUrl: context.baseUrl(request) })
}

/** Throws NotFoundError. */
export async function groupNamed({ catalog }: RouteContext, name: string): Promise<StoredGroup> {
  const group = await catalog.groups.byName(name)
  if (group === undefined) throw new NotFoundError(`there is no group ${name}`)
  return group
}

/** Groups as a whole. */
export const groupRoutes: Registration = (app, context) => {
  const { groups, group, groupShared } = TRACKER_PATHS
  const shared = { schema: listSharedWithGroupSchema, handler: listSharedWithGroup(context) }
  app.route({ method: 'GET', url: groups, schema: listGroupsSchema, handler: listGroups(context) })
  app.route({ method: 'POST', url: groups, schema: createGroupSchema, handler: createGroup(context) })
  app.route({ method: 'GET', url: group, schema: showGroupSchema, handler: showGroup(context) })
  app.route({ method: 'POST', url: group, schema: modifyGroupSchema, handler: modifyGroup(context) })
  app.route({ method: 'DELETE', url: group, schema: removeGroupSchema, handler: removeGroup(context) })
  app.route({ method: 'GET', url: groupShared, ...shared })
}
