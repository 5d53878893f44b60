import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { OwnImageParams } from '../../src/api/image-schemas.ts'
import { NameText } from '../../src/api/name-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { ImageParams } from '../../src/api/tracker-schemas.ts'
import { askerOf } from '../access/asker.ts'
import type { ImageKey } from '../catalog/image-rows.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { type SharedWith, shareImage, unshareImage } from '../images/sharing.ts'
import { Empty, problems } from './answers.ts'
import { ownKey } from './images.ts'

const closed = { additionalProperties: false }
const user = { user: NameText }
const group = { group: NameText }

const shareSchema = {
  tags: ['images'],
  description: 'idempotent',
  response: { 200: Empty, ...problems },
}

const shareUserSchema = {
  ...shareSchema,
  summary: 'POST lets a user read an image, DELETE takes the user from its ACL',
}
const userSchema = {
  ...shareUserSchema,
  params: Type.Object({ ...ImageParams.properties, ...user }, closed),
}
const ownUserSchema = {
  ...shareUserSchema,
  params: Type.Object({ ...OwnImageParams.properties, ...user }, closed),
}

const shareGroupSchema = {
  ...shareSchema,
  summary: 'POST lets the members of a group read an image, DELETE takes the group from its ACL',
}
const groupSchema = {
  ...shareGroupSchema,
  params: Type.Object({ ...ImageParams.properties, ...group }, closed),
}
const ownGroupSchema = {
  ...shareGroupSchema,
  params: Type.Object({ ...OwnImageParams.properties, ...group }, closed),
}

const withUser: Handler<typeof userSchema> = (context) => (request, reply) => {
  const { user: subject, ...image } = request.params
  return answer(context, { request, reply }, { image, subject: { kind: 'user', subject } })
}

const ownWithUser: Handler<typeof ownUserSchema> = (context) => (request, reply) => {
  const { user: subject, ...own } = request.params
  const image = ownKey(context, askerOf(request), own)
  return answer(context, { request, reply }, { image, subject: { kind: 'user', subject } })
}

const withGroup: Handler<typeof groupSchema> = (context) => (request, reply) => {
  const { group: subject, ...image } = request.params
  return answer(context, { request, reply }, { image, subject: { kind: 'group', subject } })
}

const ownWithGroup: Handler<typeof ownGroupSchema> = (context) => (request, reply) => {
  const { group: subject, ...own } = request.params
  const image = ownKey(context, askerOf(request), own)
  return answer(context, { request, reply }, { image, subject: { kind: 'group', subject } })
}

/** POST shares, DELETE takes back. */
async function answer(
  context: RouteContext,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  share: { image: ImageKey; subject: SharedWith },
): Promise<FastifyReply> {
  const act = request.method === 'DELETE' ? unshareImage : shareImage
  await act(context, askerOf(request), share)
  return reply.send()
}

/** With whom images are shared. */
export const shareRoutes: Registration = (app, context) => {
  const { shareUser, ownShareUser, shareGroup, ownShareGroup } = TRACKER_PATHS
  const method: HTTPMethods[] = ['POST', 'DELETE']
  app.route({ method, url: shareUser, schema: userSchema, handler: withUser(context) })
  app.route({ method, url: ownShareUser, schema: ownUserSchema, handler: ownWithUser(context) })
  app.route({ method, url: shareGroup, schema: groupSchema, handler: withGroup(context) })
  app.route({ method, url: ownShareGroup, schema: ownGroupSchema, handler: ownWithGroup(context) })
}
