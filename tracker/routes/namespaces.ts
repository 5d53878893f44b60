import {
  CreateNamespaceBody,
  NamespaceObject,
  NamespaceObjects,
  NamespaceParams,
} from '../../src/api/group-schemas.ts'
import { isReservedNamespace, TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { ConflictError, InvalidError, NotFoundError } from '../../src/core/errors.ts'
import { askerOf, type UserAsker } from '../access/asker.ts'
import { namespaceObject } from '../accounts/account-views.ts'
import type { NamespaceOwner } from '../catalog/namespace-owner.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { Empty, problems } from './answers.ts'

const tags = ['namespaces']

const listNamespacesSchema = {
  tags,
  summary: 'Every namespace and its owner',
  response: { 200: NamespaceObjects, ...problems },
}

const createNamespaceSchema = {
  tags,
  summary: 'Make a namespace for a user or a group, whose members write in it',
  description:
    'For admins. Without an owner it is the asker’s, as by its first push; so everybody makes its own.',
  body: CreateNamespaceBody,
  response: { 201: NamespaceObject, ...problems },
}

const removeNamespaceSchema = {
  tags,
  summary: 'Remove a namespace without images',
  description: 'For its owner and admins.',
  params: NamespaceParams,
  response: { 200: Empty, ...problems },
}

const listNamespaces: Handler<typeof listNamespacesSchema> = (context) => async (request) => {
  context.access.user(askerOf(request), { change: false })
  return (await context.catalog.namespaces.list()).map(namespaceObject)
}

const createNamespace: Handler<typeof createNamespaceSchema> = (context) => async (request, reply) => {
  const { access, catalog, clock } = context
  const asker = access.user(askerOf(request), { change: true })
  const { namespace, user, group } = request.body
  if (user !== undefined && group !== undefined)
    throw new InvalidError('a namespace has one owner: give user or group')
  if (isReservedNamespace(namespace))
    throw new InvalidError(`the namespace ${namespace} is a word of the interface: take another name`)
  if (user === undefined && group === undefined) await access.namespace(asker, namespace, 'admin')
  else access.admin(asker)
  const owner = await ownerNamed(context, asker, { user, group })
  const createdAtMs = clock.now()
  const made = await catalog.namespaces.create(namespace, { owner, author: asker.dn, nowMs: createdAtMs })
  if (!made) throw new ConflictError(`the namespace ${namespace} exists`)
  reply.code(201)
  return namespaceObject({ namespace, owner, createdAtMs })
}

const removeNamespace: Handler<typeof removeNamespaceSchema> = (context) => async (request, reply) => {
  const { access, catalog, clock } = context
  const asker = access.user(askerOf(request), { change: true })
  const { namespace } = request.params
  await access.namespace(asker, namespace, 'admin')
  if ((await catalog.namespaces.ownerOf(namespace)) === undefined)
    throw new NotFoundError(`there is no namespace ${namespace}`)
  await catalog.namespaces.remove(namespace, { author: asker.dn, nowMs: clock.now() })
  return reply.send()
}

/** Throws InvalidError when there is no such user or group. */
async function ownerNamed(
  { catalog }: RouteContext,
  asker: UserAsker,
  names: { user: string | undefined; group: string | undefined },
): Promise<NamespaceOwner> {
  if (names.group !== undefined) {
    const group = await catalog.groups.byName(names.group)
    if (group === undefined) throw new InvalidError(`there is no group ${names.group}`)
    return { kind: 'group', id: group.id, name: group.name }
  }
  if (names.user === undefined) return { kind: 'user', id: asker.id, name: asker.name }
  const user = await catalog.users.byName(names.user)
  if (user === undefined) throw new InvalidError(`there is no user ${names.user}`)
  return { kind: 'user', id: user.id, name: user.name }
}

/** Namespaces as a whole; their ACLs are apart. */
export const namespaceRoutes: Registration = (app, context) => {
  const { namespaces, namespace } = TRACKER_PATHS
  const create = { schema: createNamespaceSchema, handler: createNamespace(context) }
  const remove = { schema: removeNamespaceSchema, handler: removeNamespace(context) }
  app.route({
    method: 'GET',
    url: namespaces,
    schema: listNamespacesSchema,
    handler: listNamespaces(context),
  })
  app.route({ method: 'POST', url: namespaces, ...create })
  app.route({ method: 'DELETE', url: namespace, ...remove })
}
