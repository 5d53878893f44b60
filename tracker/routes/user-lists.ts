import { ImageUrls } from '../../src/api/image-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { GroupUrls, PermissionNames, UserParams } from '../../src/api/user-schemas.ts'
import { askerOf } from '../access/asker.ts'
import { groupUrl, imageUrls } from '../accounts/account-views.ts'
import type { StoredUser } from '../catalog/user-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import type { ImageFilter } from '../query/image-lists.ts'
import { problems } from './answers.ts'
import { userNamed } from './users.ts'

const tags = ['users']
const params = UserParams

const listUserImagesSchema = {
  tags,
  summary: 'Images of a user that the asker may read',
  params,
  response: { 200: ImageUrls, ...problems },
}

const listUserGroupsSchema = {
  tags,
  summary: 'Groups of a user',
  params,
  response: { 200: GroupUrls, ...problems },
}

const listUserPermissionsSchema = {
  tags,
  summary: 'What the groups of a user allow it',
  params,
  response: { 200: PermissionNames, ...problems },
}

const listSharedWithUserSchema = {
  tags,
  summary: 'Images that are shared with a user, directly or through groups',
  description: 'Those that the asker may read too, without those of the user.',
  params,
  response: { 200: ImageUrls, ...problems },
}

const listSharedByUserSchema = {
  tags,
  summary: 'Images of a user that are shared with somebody',
  description: 'Those that the asker may read.',
  params,
  response: { 200: ImageUrls, ...problems },
}

const listUserImages: Handler<typeof listUserImagesSchema> = (context) => async (request) => {
  return await urlsOf(context, request, (user) => ({ owner: user }))
}

const listUserGroups: Handler<typeof listUserGroupsSchema> = (context) => async (request) => {
  context.access.user(askerOf(request), { change: false })
  const user = await userNamed(context, request.params.user)
  const { groups } = await context.catalog.users.standing(user)
  const baseUrl = context.baseUrl(request)
  return [...groups].sort().map((group) => groupUrl(baseUrl, group))
}

const listUserPermissions: Handler<typeof listUserPermissionsSchema> = (context) => async (request) => {
  context.access.user(askerOf(request), { change: false })
  const user = await userNamed(context, request.params.user)
  return [...(await context.catalog.users.standing(user)).permissions].sort()
}

const listSharedWithUser: Handler<typeof listSharedWithUserSchema> = (context) => async (request) => {
  return await urlsOf(context, request, (user) => ({ sharedWithUser: user }))
}

const listSharedByUser: Handler<typeof listSharedByUserSchema> = (context) => async (request) => {
  return await urlsOf(context, request, (user) => ({ owner: user, isShared: true }))
}

type UserRequest = Parameters<RouteContext['baseUrl']>[0] &
  Parameters<typeof askerOf>[0] & { readonly params: { readonly user: string } }

async function urlsOf(
  context: RouteContext,
  request: UserRequest,
  filterOf: (user: StoredUser) => ImageFilter,
): Promise<string[]> {
  const asker = context.access.user(askerOf(request), { change: false })
  const user = await userNamed(context, request.params.user)
  return await imageUrls(context, filterOf(user), { asker, baseUrl: context.baseUrl(request) })
}

/** Lists that belong to a user. */
export const userListRoutes: Registration = (app, context) => {
  const { userImages, userGroups, userPermissions, userShared, userSharing } = TRACKER_PATHS
  const images = { schema: listUserImagesSchema, handler: listUserImages(context) }
  const groups = { schema: listUserGroupsSchema, handler: listUserGroups(context) }
  const permissions = { schema: listUserPermissionsSchema, handler: listUserPermissions(context) }
  const shared = { schema: listSharedWithUserSchema, handler: listSharedWithUser(context) }
  const sharing = { schema: listSharedByUserSchema, handler: listSharedByUser(context) }
  app.route({ method: 'GET', url: userImages, ...images })
  app.route({ method: 'GET', url: userGroups, ...groups })
  app.route({ method: 'GET', url: userPermissions, ...permissions })
  app.route({ method: 'GET', url: userShared, ...shared })
  app.route({ method: 'GET', url: userSharing, ...sharing })
}
