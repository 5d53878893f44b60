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
import type { Right } from '../../src/core/acl.ts'
import { askerOf } from '../access/asker.ts'
import type { ImageKey } from '../catalog/image-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { App } from '../http/app-type.ts'
import { NoContent, problems } from './answers.ts'

/** Versions, their records, and the tags that point to them. */
export function versionRoutes(app: App, context: RouteContext): void {
  const authorise = async (request: FastifyRequest, key: ImageKey, right: Right = 'write') => {
    await context.access.image(askerOf(request), await context.catalog.images.get(key), right)
  }
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.record,
    schema: {
      tags: ['images'],
      summary: 'The signed record of a version',
      params: ImageParams,
      querystring: VersionQuery,
      response: { 200: RecordAnswer, ...problems },
    },
    handler: async (request) => {
      await authorise(request, request.params, 'read')
      const { record } = await context.catalog.images.resolve({ ...request.params, ...request.query })
      return { record }
    },
  })
  app.route({
    method: 'DELETE',
    url: TRACKER_PATHS.version,
    schema: {
      tags: ['images'],
      summary: 'Remove a version and the tags that point to it',
      params: VersionParams,
      response: { 204: NoContent, ...problems },
    },
    handler: async (request, reply) => {
      await authorise(request, request.params)
      await context.catalog.images.removeVersion(request.params, request.params.version)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'PUT',
    url: TRACKER_PATHS.tag,
    schema: {
      tags: ['images'],
      summary: 'Let a tag point to a version',
      params: TagParams,
      body: SetTagBody,
      response: { 204: NoContent, ...problems },
    },
    handler: async (request, reply) => {
      await authorise(request, request.params)
      await context.catalog.images.setTag(request.params, request.params.tag, request.body.version)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'DELETE',
    url: TRACKER_PATHS.tag,
    schema: {
      tags: ['images'],
      summary: 'Remove a tag',
      params: TagParams,
      response: { 204: NoContent, ...problems },
    },
    handler: async (request, reply) => {
      await authorise(request, request.params)
      await context.catalog.images.removeTag(request.params, request.params.tag)
      return reply.code(204).send(null)
    },
  })
}
