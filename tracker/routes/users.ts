import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import {
  CreateUserBody,
  ModifyUserBody,
  UserObject,
  UserParams,
  UserUrls,
  WhoamiAnswer,
} from '../../src/api/user-schemas.ts'
import { InvalidError, NotAuthorisedError, NotFoundError, StateError } from '../../src/core/errors.ts'
import { USERS_GROUP } from '../../src/core/permission.ts'
import { askerOf, type UserAsker } from '../access/asker.ts'
import { userObject, userUrl } from '../accounts/account-views.ts'
import { checkHolds, checkOutranks } from '../accounts/privileges.ts'
import { namesOf, quotasOf, stateOf } from '../accounts/user-facts.ts'
import { removeUser as removeWithImages } from '../accounts/user-removal.ts'
import type { StoredUser } from '../catalog/user-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { Empty, problems } from './answers.ts'

const tags = ['users']

const whoamiSchema = { tags, summary: 'Who is asking', response: { 200: WhoamiAnswer, ...problems } }

const listUsersSchema = { tags, summary: 'Every user', response: { 200: UserUrls, ...problems } }

const createUserSchema = {
  tags,
  summary: 'Make a user',
  description:
    'Needs user_create, and everything that the groups allow. Only admins give a state other than active, and quotas.',
  body: CreateUserBody,
  response: { 200: UserObject, ...problems },
}

const showUserSchema = {
  tags,
  summary: 'One user',
  params: UserParams,
  response: { 200: UserObject, ...problems },
}

const modifyUserSchema = {
  tags,
  summary: 'Change a user',
  description:
    'Needs user_modify; user_modify_self for the own name and e-mail address. Only admins change states and quotas, and certificates of who may do more than the asker.',
  params: UserParams,
  body: ModifyUserBody,
  response: { 200: Empty, ...problems },
}

const removeUserSchema = {
  tags,
  summary: 'Remove a user with its namespaces and all images in them',
  description: 'Needs user_delete. Nobody removes itself, and the last active admin stays (409).',
  params: UserParams,
  response: { 200: Empty, ...problems },
}

const whoami: Handler<typeof whoamiSchema> = (context) => async (request) => {
  const asker = context.access.known(askerOf(request))
  const { kind, dn, admin, principal } = asker
  const facts = {
    ...{ kind, dn, common_name: principal.commonName, admin },
    ...{ proxy_depth: principal.proxyDepth, limited: principal.limited },
    not_after: new Date(principal.notAfterMs).toISOString(),
  }
  if (asker.kind !== 'user') return { ...facts, namespaces: [] }
  const user = await userNamed(context, asker.name)
  const object = await userObject(context, user, { asker, baseUrl: context.baseUrl(request) })
  return { ...object, ...facts, namespaces: await context.catalog.namespaces.writableBy(user) }
}

const listUsers: Handler<typeof listUsersSchema> = (context) => async (request) => {
  context.access.user(askerOf(request), { change: false })
  const baseUrl = context.baseUrl(request)
  return (await context.catalog.users.names()).map((user) => userUrl(baseUrl, user))
}

const createUser: Handler<typeof createUserSchema> = (context) => async (request) => {
  const { access, catalog, clock } = context
  const asker = access.permission(askerOf(request), 'user_create')
  const { user_name: name, cert_dn: dn, full_name: fullName = '', email = null } = request.body
  const { state = 'active', ...ruled } = ruledFacts(request.body)
  if (state !== 'active' || hasValue(ruled)) access.admin(asker)
  const groups = namesOf(request.body.groups)
  await checkGroups(context, asker, groups)
  const { quotaBytes = null, quotaImages = null } = ruled
  const facts = { name, dn, fullName, email: email === '' ? null : email, state, quotaBytes, quotaImages }
  const user = await catalog.users.create({ ...facts, nowMs: clock.now() }, groups)
  return await userObject(context, user, { asker, baseUrl: context.baseUrl(request) })
}

const showUser: Handler<typeof showUserSchema> = (context) => async (request) => {
  const asker = context.access.user(askerOf(request), { change: false })
  const user = await userNamed(context, request.params.user)
  return await userObject(context, user, { asker, baseUrl: context.baseUrl(request) })
}

const modifyUser: Handler<typeof modifyUserSchema> = (context) => async (request, reply) => {
  const { access, catalog, clock } = context
  const asker = access.user(askerOf(request), { change: true })
  const { body, params } = request
  const user = await userNamed(context, params.user)
  if (body.user_name !== undefined && body.user_name !== user.name)
    throw new InvalidError('names of users never change: they are in the names of images')
  const ruled = ruledFacts(body)
  await checkChange(context, { asker, user, body, isRuled: hasValue(ruled) })
  const { full_name: fullName, cert_dn: dn, email } = body
  const facts = { fullName, dn, email: email === '' ? null : email, ...ruled }
  await catalog.userChanges.change(user, facts, { nowMs: clock.now() })
  return reply.send()
}

const removeUser: Handler<typeof removeUserSchema> = (context) => async (request, reply) => {
  const { access, catalog, clock } = context
  const asker = access.permission(askerOf(request), 'user_delete')
  const user = await userNamed(context, request.params.user)
  checkOutranks(asker, { name: user.name, ...(await catalog.users.standing(user)) })
  if (user.id === asker.id) throw new StateError('nobody removes itself: ask another admin')
  await removeWithImages({ catalog }, user, { author: asker.dn, nowMs: clock.now() })
  return reply.send()
}

/** Throws NotFoundError. */
export async function userNamed({ catalog }: RouteContext, name: string): Promise<StoredUser> {
  const user = await catalog.users.byName(name)
  if (user === undefined) throw new NotFoundError(`there is no user ${name}`)
  return user
}

/** What only admins decide. */
function ruledFacts(body: ModifyUserBody) {
  return { state: stateOf(body), ...quotasOf(body) }
}

function hasValue(facts: object): boolean {
  return Object.values(facts).some((value) => value !== undefined)
}

async function checkGroups(
  { catalog }: RouteContext,
  asker: UserAsker,
  groups: readonly string[],
): Promise<void> {
  const asked = groups.filter((group) => group !== USERS_GROUP)
  checkHolds(asker, await catalog.groups.permissionsOf(asked))
}

async function checkChange(
  { access, catalog }: RouteContext,
  change: { asker: UserAsker; user: StoredUser; body: ModifyUserBody; isRuled: boolean },
): Promise<void> {
  const { asker, user, body, isRuled } = change
  if (isRuled) access.admin(asker)
  const isSelf = user.id === asker.id
  const maySelf = isSelf && asker.permissions.has('user_modify_self') && body.cert_dn === undefined
  if (maySelf || asker.admin) return
  if (isSelf && !asker.permissions.has('user_modify'))
    throw new NotAuthorisedError(
      body.cert_dn === undefined
        ? `${user.name} lacks the permission user_modify_self; an admin can give it to a group of yours`
        : `the certificate of an account is changed by others: ask somebody with the permission user_modify`,
    )
  access.permission(asker, 'user_modify')
  if (body.cert_dn !== undefined)
    checkOutranks(asker, { name: user.name, ...(await catalog.users.standing(user)) })
}

/** Users, and who is asking. */
export const userRoutes: Registration = (app, context) => {
  const { whoami: who, users, user } = TRACKER_PATHS
  app.route({ method: 'GET', url: who, schema: whoamiSchema, handler: whoami(context) })
  app.route({ method: 'GET', url: users, schema: listUsersSchema, handler: listUsers(context) })
  app.route({ method: 'POST', url: users, schema: createUserSchema, handler: createUser(context) })
  app.route({ method: 'GET', url: user, schema: showUserSchema, handler: showUser(context) })
  app.route({ method: 'POST', url: user, schema: modifyUserSchema, handler: modifyUser(context) })
  app.route({ method: 'DELETE', url: user, schema: removeUserSchema, handler: removeUser(context) })
}
