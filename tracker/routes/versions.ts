import type { FastifyRequest } from 'fastify'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import {
  ImageParams,
  RecordAnswer,
  SetTagBody,
  TagParams,
  VersionParams,
  VersionQuery,
} from '../../src/api/tracker-schemas.ts'
import { askerOf } from '../access/asker.ts'
import type { Change } from '../catalog/history-catalog.ts'
import type { ImageKey } from '../catalog/image-rows.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { NoContent, problems } from './answers.ts'

const tags = ['images']

const showRecordSchema = {
  tags,
  summary: 'The signed record of a version',
  params: ImageParams,
  querystring: VersionQuery,
  response: { 200: RecordAnswer, ...problems },
}

const removeVersionSchema = {
  tags,
  summary: 'Remove a version and the tags that point to it',
  params: VersionParams,
  response: { 204: NoContent, ...problems },
}

const setTagSchema = {
  tags,
  summary: 'Let a tag point to a version',
  params: TagParams,
  body: SetTagBody,
  response: { 204: NoContent, ...problems },
}

const removeTagSchema = {
  tags,
  summary: 'Remove a tag',
  params: TagParams,
  response: { 204: NoContent, ...problems },
}

const showRecord: Handler<typeof showRecordSchema> = (context) => async (request) => {
  const asker = context.access.known(askerOf(request))
  const image = await context.catalog.images.get(request.params)
  await context.access.image(asker, image, 'read')
  const { record } = await context.catalog.images.resolve({ ...request.params, ...request.query })
  return { record }
}

const removeVersion: Handler<typeof removeVersionSchema> = (context) => async (request, reply) => {
  const by = await authorise(context, request)
  await context.catalog.images.removeVersion(request.params, request.params.version, by)
  return reply.code(204).send(null)
}

const setTag: Handler<typeof setTagSchema> = (context) => async (request, reply) => {
  const by = await authorise(context, request)
  const { version } = request.body
  await context.catalog.images.setTag(request.params, request.params.tag, { ...by, version })
  return reply.code(204).send(null)
}

const removeTag: Handler<typeof removeTagSchema> = (context) => async (request, reply) => {
  const by = await authorise(context, request)
  await context.catalog.images.removeTag(request.params, request.params.tag, by)
  return reply.code(204).send(null)
}

/** Who changes the image, which they may. */
async function authorise(
  { access, catalog, clock }: RouteContext,
  request: Pick<FastifyRequest, 'asker'> & { params: ImageKey },
): Promise<Change> {
  const user = access.user(askerOf(request), { change: true })
  await access.image(user, await catalog.images.get(request.params), 'write')
  return { author: user.dn, nowMs: clock.now() }
}

/** Versions, their records, and the tags that point to them. */
export const versionRoutes: Registration = (app, context) => {
  const { record, version, tag } = TRACKER_PATHS
  app.route({ method: 'GET', url: record, schema: showRecordSchema, handler: showRecord(context) })
  app.route({ method: 'DELETE', url: version, schema: removeVersionSchema, handler: removeVersion(context) })
  app.route({ method: 'PUT', url: tag, schema: setTagSchema, handler: setTag(context) })
  app.route({ method: 'DELETE', url: tag, schema: removeTagSchema, handler: removeTag(context) })
}
