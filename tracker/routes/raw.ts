import type { FastifyReply, FastifyRequest } from 'fastify'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { ImageParams, VersionQuery } from '../../src/api/tracker-schemas.ts'
import { askerOf } from '../access/asker.ts'
import type { StoredVersion } from '../catalog/image-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { signalOf } from '../http/signal.ts'
import { rawAnswer } from '../raw/raw-answer.ts'
import { Octets, problems } from './answers.ts'

const showRawSchema = {
  tags: ['images'],
  summary: 'The bytes of an image',
  description: 'The entity tag is the manifest CID. One range at a time.',
  params: ImageParams,
  querystring: VersionQuery,
  response: { 200: Octets, 206: Octets, ...problems },
}

const showRaw: Handler<typeof showRawSchema> = (context) => async (request, reply) => {
  const image = await context.catalog.images.get(request.params)
  await context.access.image(askerOf(request), image, 'read')
  const version = await context.catalog.images.resolve({ ...request.params, ...request.query })
  if (isRead(request)) context.accesses.count(image)
  return await sendImage(context, version, { request, reply })
}

/** Parts of a download that goes on count with its first. */
function isRead({ method, headers }: FastifyRequest): boolean {
  return (
    method === 'GET' && headers['if-none-match'] === undefined && !/^bytes=[1-9]/.test(headers.range ?? '')
  )
}

async function sendImage(
  context: RouteContext,
  version: StoredVersion,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): Promise<FastifyReply> {
  const { status, headers, range } = rawAnswer(request, version)
  if (range === undefined) return reply.code(status).headers(headers).send()
  const asker = askerOf(request)
  const signal = signalOf(reply)
  const leave = await context.downloads.place(asker.dn ?? request.ip, signal)
  try {
    const relay = asker.kind !== 'tracker'
    // Before the headers: an answer that says 200 must be able to begin.
    const pieces = await context.reader.open({ version, ...range }, { signal, relay })
    reply.hijack()
    await context.downloads.send(
      reply.raw,
      { status, headers: { ...reply.getHeaders(), ...headers } },
      pieces,
    )
  } finally {
    leave()
  }
  return reply
}

/** The bytes of images, for clients that know nothing of blocks. */
export const rawRoutes: Registration = (app, context) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: TRACKER_PATHS.raw,
    exposeHeadRoute: false,
    schema: showRawSchema,
    handler: showRaw(context),
  })
}
