import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  AclImageParams,
  AclNamespaceParams,
  AclView,
  ChainQuery,
  ChangeAclBody,
  RecordsView,
  SetAclBody,
} from '../../src/api/acl-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { type Acl, type AclEntry, type AclTarget, imageTarget, namespaceTarget } from '../../src/core/acl.ts'
import { InvalidError, NotFoundError } from '../../src/core/errors.ts'
import { recordTarget } from '../../src/core/record.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { askerOf } from '../access/asker.ts'
import type { AclChange } from '../acl/acl-book.ts'
import { readPage } from '../acl/pages.ts'
import { checkSubject } from '../acl/subjects.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { problems } from './answers.ts'

const tags = ['acls']
const answers = { 200: AclView, ...problems }
const changing =
  'For who has the right admin. With If-Match, the version that the change was made for, another one is a conflict.'

const showImageAclSchema = {
  tags,
  summary: 'Who may do what with an image, as the tracker has signed it',
  description: 'For who may write to it. With `after`, also a page of the signed versions.',
  params: AclImageParams,
  querystring: ChainQuery,
  response: answers,
}
const setImageAclSchema = {
  tags,
  summary: 'All entries of the ACL of an image anew',
  description: changing,
  params: AclImageParams,
  body: SetAclBody,
  response: answers,
}
const changeImageAclSchema = {
  tags,
  summary: 'Give somebody a right to an image, or take it away',
  description: changing,
  params: AclImageParams,
  body: ChangeAclBody,
  response: answers,
}
const showNamespaceAclSchema = {
  ...showImageAclSchema,
  summary: 'Who may do what with a namespace and with every image in it, as the tracker has signed it',
  params: AclNamespaceParams,
}
const setNamespaceAclSchema = {
  ...setImageAclSchema,
  summary: 'All entries of the ACL of a namespace anew',
  params: AclNamespaceParams,
}
const changeNamespaceAclSchema = {
  ...changeImageAclSchema,
  summary: 'Give somebody a right to a namespace, or take it away',
  params: AclNamespaceParams,
}
const showRecordsSchema = {
  tags: ['images'],
  summary: 'Everything that the tracker has signed about the versions of an image',
  params: AclImageParams,
  querystring: ChainQuery,
  response: { 200: RecordsView, ...problems },
}

const showImageAcl: Handler<typeof showImageAclSchema> = (context) => async (request, reply) =>
  await answer(context, reply, { target: await targetOf(context, request, 'write'), ...request.query })

const setImageAcl: Handler<typeof setImageAclSchema> = (context) => async (request, reply) =>
  await set(context, { request, reply, target: await targetOf(context, request, 'admin') })

const changeImageAcl: Handler<typeof changeImageAclSchema> = (context) => async (request, reply) =>
  await change(context, { request, reply, target: await targetOf(context, request, 'admin') })

const showNamespaceAcl: Handler<typeof showNamespaceAclSchema> = (context) => async (request, reply) =>
  await answer(context, reply, { target: await targetOf(context, request, 'write'), ...request.query })

const setNamespaceAcl: Handler<typeof setNamespaceAclSchema> = (context) => async (request, reply) =>
  await set(context, { request, reply, target: await targetOf(context, request, 'admin') })

const changeNamespaceAcl: Handler<typeof changeNamespaceAclSchema> = (context) => async (request, reply) =>
  await change(context, { request, reply, target: await targetOf(context, request, 'admin') })

const showRecords: Handler<typeof showRecordsSchema> = (context) => async (request) => {
  const image = await context.catalog.images.get(request.params)
  await context.access.image(askerOf(request), image, 'read')
  const { signed } = context.catalog
  const { after = 0 } = request.query
  const page = await readPage(signed, { table: 'records', target: recordTarget(image.uuid), after })
  return { image: image.uuid, ...page }
}

/** The ACL that a request is about, when the asker has this right to what it is of. */
async function targetOf(
  { access, catalog }: RouteContext,
  request: Pick<FastifyRequest, 'asker'> & { params: { namespace: Namespace; name?: ImageName } },
  right: 'write' | 'admin',
): Promise<AclTarget> {
  const asker = askerOf(request)
  const { namespace, name } = request.params
  if (name !== undefined) {
    const image = await catalog.images.get({ namespace, name })
    await access.image(asker, image, right)
    return imageTarget(image.uuid)
  }
  await access.namespace(asker, namespace, right)
  if ((await catalog.acls.ofNamespace(namespace)) === undefined)
    throw new NotFoundError(`there is no namespace ${namespace}`)
  return namespaceTarget(namespace)
}

type Changing<Body> = {
  readonly request: Pick<FastifyRequest, 'asker' | 'headers'> & { body: Body }
  readonly reply: FastifyReply
  readonly target: AclTarget
}
type EntryBody = { kind: AclEntry['kind']; subject?: string }

async function set(
  context: RouteContext,
  { request, reply, target }: Changing<{ entries: (EntryBody & Pick<AclEntry, 'right'>)[] }>,
): Promise<AclView> {
  const { acls, signed } = context.catalog
  const asker = context.access.user(askerOf(request), { change: true })
  const entries = request.body.entries.map(({ kind, subject = '', right }) => ({ kind, subject, right }))
  const before = new Set((await acls.get(target)).entries.map(({ kind, subject }) => `${kind} ${subject}`))
  for (const entry of entries)
    if (!before.has(`${entry.kind} ${entry.subject}`)) await checkSubject(signed.db, asker, entry)
  await acls.set(target, entries, changeOf(request, asker.dn))
  return await answer(context, reply, { target })
}

async function change(
  context: RouteContext,
  { request, reply, target }: Changing<EntryBody & { right: AclEntry['right'] | 'none' }>,
): Promise<AclView> {
  const { acls, signed } = context.catalog
  const asker = context.access.user(askerOf(request), { change: true })
  const { kind, subject = '', right } = request.body
  const by = changeOf(request, asker.dn)
  if (right === 'none') await acls.revoke(target, { kind, subject }, by)
  else {
    await checkSubject(signed.db, asker, { kind, subject })
    await acls.grant(target, { kind, subject, right }, by)
  }
  return await answer(context, reply, { target })
}

function changeOf({ headers }: Pick<FastifyRequest, 'headers'>, author: string): AclChange {
  const match = headers['if-match']
  if (match === undefined || match === '*') return { author }
  const [, version] = /^"?([0-9]{1,15})"?$/.exec(match) ?? []
  if (version === undefined) throw new InvalidError('If-Match has the number of a version, as ETag gave it')
  return { author, expected: Number(version) }
}

async function answer(
  { catalog }: RouteContext,
  reply: FastifyReply,
  { target, after }: { target: AclTarget; after?: number | undefined },
): Promise<AclView> {
  const { acl, token } = await catalog.acls.signed(target)
  const page =
    after === undefined
      ? { statements: [], next: null }
      : await readPage(catalog.signed, { table: 'acls', target, after })
  reply.header('etag', `"${acl.version}"`)
  return { ...viewOf(acl), token, ...page }
}

function viewOf({
  target,
  version,
  owner,
  entries,
  author,
  iat,
}: Acl): Omit<AclView, 'token' | 'statements' | 'next'> {
  return { target, version, owner, entries: [...entries], author, time: new Date(iat * 1000).toISOString() }
}

/** ACLs of images and namespaces, and the records of images. */
export const aclRoutes: Registration = (app, context) => {
  const { imageAcl, namespaceAcl, records } = TRACKER_PATHS
  app.route({ method: 'GET', url: imageAcl, schema: showImageAclSchema, handler: showImageAcl(context) })
  app.route({ method: 'PUT', url: imageAcl, schema: setImageAclSchema, handler: setImageAcl(context) })
  app.route({ method: 'POST', url: imageAcl, schema: changeImageAclSchema, handler: changeImageAcl(context) })
  app.route({
    method: 'GET',
    url: namespaceAcl,
    schema: showNamespaceAclSchema,
    handler: showNamespaceAcl(context),
  })
  app.route({
    method: 'PUT',
    url: namespaceAcl,
    schema: setNamespaceAclSchema,
    handler: setNamespaceAcl(context),
  })
  app.route({
    method: 'POST',
    url: namespaceAcl,
    schema: changeNamespaceAclSchema,
    handler: changeNamespaceAcl(context),
  })
  app.route({ method: 'GET', url: records, schema: showRecordsSchema, handler: showRecords(context) })
}
