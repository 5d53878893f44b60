import { type Static, Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import {
  CommitAnswer,
  CommitBody,
  ImageParams,
  UploadAnswer,
  UploadParams,
} from '../../src/api/tracker-schemas.ts'
import { DIGEST_BYTES } from '../../src/core/cid.ts'
import { NEED_DIGESTS_MAX } from '../../src/core/limits.ts'
import { askerOf } from '../access/asker.ts'
import type { RouteContext } from '../context.ts'
import type { App } from '../http/app-type.ts'
import { bodyOf, OCTETS, readBody } from '../http/body.ts'
import { allowLong, signalOf } from '../http/signal.ts'
import { BodyPlaces } from '../uploads/body-places.ts'
import type { UploadUse } from '../uploads/uploads.ts'
import { NoContent, Octets, problems } from './answers.ts'

type UploadRequest = { Params: Static<typeof UploadParams> }

/** From the slot to the committed version. */
export function uploadRoutes(app: App, context: RouteContext): void {
  app.addContentTypeParser(OCTETS, (_request, payload, done) => done(null, payload))
  const places = new BodyPlaces(context)
  openRoute(app, context)
  needRoute(app, context, places)
  blocksRoute(app, context, places)
  commitRoute(app, context)
  app.route({
    method: 'DELETE',
    url: TRACKER_PATHS.upload,
    schema: {
      tags: ['uploads'],
      summary: 'Forget an upload',
      params: UploadParams,
      response: { 204: NoContent, ...problems },
    },
    handler: async (request, reply) => {
      await context.uploads.abort(useOf(request))
      return reply.code(204).send(null)
    },
  })
}

function openRoute(app: App, context: RouteContext): void {
  app.route({
    method: 'POST',
    url: TRACKER_PATHS.imageUploads,
    schema: {
      tags: ['uploads'],
      summary: 'Open an upload into an image, which is made where it does not exist',
      params: ImageParams,
      body: Type.Object({}, { additionalProperties: false }),
      response: { 201: UploadAnswer, ...problems },
    },
    handler: async (request, reply) => {
      const { upload, expiresAtMs } = await context.uploads.open(askerOf(request), request.params)
      reply.code(201)
      return { upload, expiresAt: new Date(expiresAtMs).toISOString() }
    },
  })
}

function needRoute(app: App, context: RouteContext, places: BodyPlaces): void {
  app.route<UploadRequest>({
    method: 'POST',
    url: TRACKER_PATHS.need,
    schema: {
      tags: ['uploads'],
      summary: 'Which blocks the tracker needs',
      description: `Body: up to ${NEED_DIGESTS_MAX} digests of 32 bytes. Answer: a bitmap, bit i (low bits first) set when digest i is needed.`,
      consumes: [OCTETS],
      params: UploadParams,
      response: { 200: Octets, ...problems },
    },
    handler: async (request, reply) => {
      const use = useOf(request)
      const digests = await places.within(use.asker.dn ?? '', () =>
        readBody(bodyOf(context, request), NEED_DIGESTS_MAX * DIGEST_BYTES),
      )
      const needed = await context.uploads.need(use, digests)
      return reply.type(OCTETS).send(Buffer.from(needed.bytes))
    },
  })
}

function blocksRoute(app: App, context: RouteContext, places: BodyPlaces): void {
  app.route<UploadRequest>({
    method: 'POST',
    url: TRACKER_PATHS.blocks,
    schema: {
      tags: ['uploads'],
      summary: 'Put frames; answered when they survive a crash',
      description:
        'Body: frames, each u8 codec (0 raw, 1 zstd), u32le length, u32le stored length, 32 bytes sha2-256, the stored bytes. A frame that does not match its digest is refused.',
      consumes: [OCTETS],
      params: UploadParams,
      response: { 204: NoContent, ...problems },
    },
    handler: async (request, reply) => {
      const use = useOf(request)
      const signal = signalOf(reply)
      await places.within(use.asker.dn ?? '', () =>
        context.uploads.put(use, bodyOf(context, request), { signal }),
      )
      return reply.code(204).send(null)
    },
  })
}

function commitRoute(app: App, context: RouteContext): void {
  app.route({
    method: 'POST',
    url: TRACKER_PATHS.commit,
    schema: {
      tags: ['uploads'],
      summary: 'Make the next version of the image from a manifest that was put',
      params: UploadParams,
      body: CommitBody,
      response: { 201: CommitAnswer, ...problems },
    },
    handler: async (request, reply) => {
      allowLong(reply)
      const answer = await context.uploads.commit(useOf(request), request.body, { signal: signalOf(reply) })
      reply.code(201)
      return answer
    },
  })
}

function useOf(request: Pick<FastifyRequest, 'asker'> & { params: { upload: string } }): UploadUse {
  return { asker: askerOf(request), upload: request.params.upload }
}
