import { Type } from '@sinclair/typebox'
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
import { NEED_DIGESTS_MAX } from '../../src/core/registry-limits.ts'
import { askerOf } from '../access/asker.ts'
import { bodyOf, OCTETS, readBody } from '../http/body.ts'
import type { Handler, Registration } from '../http/route.ts'
import { allowLong, signalOf } from '../http/signal.ts'
import { BodyPlaces } from '../uploads/body-places.ts'
import type { UploadUse } from '../uploads/uploads.ts'
import { NoContent, Octets, problems } from './answers.ts'

const tags = ['uploads']

const openUploadSchema = {
  tags,
  summary: 'Open an upload into an image, which is made where it does not exist',
  params: ImageParams,
  body: Type.Object({}, { additionalProperties: false }),
  response: { 201: UploadAnswer, ...problems },
}

const showNeedSchema = {
  tags,
  summary: 'Which blocks the tracker needs',
  description: `Body: up to ${NEED_DIGESTS_MAX} digests of 32 bytes. Answer: a bitmap, bit i (low bits first) set when digest i is needed.`,
  consumes: [OCTETS],
  params: UploadParams,
  response: { 200: Octets, ...problems },
}

const putBlocksSchema = {
  tags,
  summary: 'Put frames; answered when they survive a crash',
  description:
    'Body: frames, each u8 codec (0 raw, 1 zstd), u32le length, u32le stored length, 32 bytes sha2-256, the stored bytes. A frame that does not match its digest is refused.',
  consumes: [OCTETS],
  params: UploadParams,
  response: { 204: NoContent, ...problems },
}

const commitUploadSchema = {
  tags,
  summary: 'Make the next version of the image from a manifest that was put',
  params: UploadParams,
  body: CommitBody,
  response: { 201: CommitAnswer, ...problems },
}

const abortUploadSchema = {
  tags,
  summary: 'Forget an upload',
  params: UploadParams,
  response: { 204: NoContent, ...problems },
}

const openUpload: Handler<typeof openUploadSchema> = (context) => async (request, reply) => {
  const { upload, expiresAtMs } = await context.uploads.open(askerOf(request), request.params)
  reply.code(201)
  const { ownUrl } = context
  const expiresAt = new Date(expiresAtMs).toISOString()
  return { upload, expiresAt, ...(ownUrl === undefined ? {} : { url: ownUrl }) }
}

const showNeed: Handler<typeof showNeedSchema, { places: BodyPlaces }> =
  (context) => async (request, reply) => {
    const use = useOf(request)
    const digests = await context.places.within(use.asker.dn ?? '', () =>
      readBody(bodyOf(context, request), NEED_DIGESTS_MAX * DIGEST_BYTES),
    )
    const needed = await context.uploads.need(use, digests)
    return reply.type(OCTETS).send(Buffer.from(needed.bytes))
  }

const putBlocks: Handler<typeof putBlocksSchema, { places: BodyPlaces }> =
  (context) => async (request, reply) => {
    const use = useOf(request)
    const signal = signalOf(reply)
    await context.places.within(use.asker.dn ?? '', () =>
      context.uploads.put(use, bodyOf(context, request), { signal }),
    )
    return reply.code(204).send(null)
  }

const commitUpload: Handler<typeof commitUploadSchema> = (context) => async (request, reply) => {
  allowLong(reply)
  const answer = await context.uploads.commit(useOf(request), request.body, { signal: signalOf(reply) })
  reply.code(201)
  return answer
}

const abortUpload: Handler<typeof abortUploadSchema> = (context) => async (request, reply) => {
  await context.uploads.abort(useOf(request))
  return reply.code(204).send(null)
}

function useOf(request: Pick<FastifyRequest, 'asker'> & { params: { upload: string } }): UploadUse {
  return { asker: askerOf(request), upload: request.params.upload }
}

/** From the slot to the committed version. */
export const uploadRoutes: Registration = (app, context) => {
  app.addContentTypeParser(OCTETS, (_request, payload, done) => done(null, payload))
  const { imageUploads, need, blocks, commit, upload } = TRACKER_PATHS
  const reading = { ...context, places: new BodyPlaces(context) }
  app.route({ method: 'POST', url: imageUploads, schema: openUploadSchema, handler: openUpload(context) })
  app.route({ method: 'POST', url: need, schema: showNeedSchema, handler: showNeed(reading) })
  app.route({ method: 'POST', url: blocks, schema: putBlocksSchema, handler: putBlocks(reading) })
  app.route({ method: 'POST', url: commit, schema: commitUploadSchema, handler: commitUpload(context) })
  app.route({ method: 'DELETE', url: upload, schema: abortUploadSchema, handler: abortUpload(context) })
}
