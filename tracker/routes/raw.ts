import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { ImageParams, VersionQuery } from '../../src/api/tracker-schemas.ts'
import { askerOf } from '../access/asker.ts'
import type { StoredVersion } from '../catalog/image-catalog.ts'
import type { RouteContext } from '../context.ts'
import { matchesEtag, parseRange } from '../http/range.ts'
import type { Handler, Registration } from '../http/route.ts'
import { allowLong, signalOf } from '../http/signal.ts'
import { Octets, problems } from './answers.ts'

/** Bytes that are read ahead of a slow client. */
const READ_AHEAD_BYTES = 1024 * 1024

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

interface Exchange {
  readonly request: Pick<FastifyRequest, 'asker' | 'headers' | 'method'>
  readonly reply: FastifyReply
}

async function sendImage(
  context: RouteContext,
  version: StoredVersion,
  { request, reply }: Exchange,
): Promise<FastifyReply> {
  const { manifest, size } = version
  const etag = `"${manifest}"`
  reply.header('etag', etag).header('accept-ranges', 'bytes')
  reply.header('last-modified', new Date(version.createdAtMs).toUTCString())
  if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send()
  const ifRange = request.headers['if-range']
  const wanted = ifRange === undefined || ifRange === etag ? request.headers.range : undefined
  const range = parseRange(wanted, size)
  if (range === 'unsatisfiable') {
    return reply.code(416).header('content-range', `bytes */${size}`).header('content-length', 0).send()
  }
  const { start, end } = range ?? { start: 0, end: size }
  const isEmpty = request.method === 'HEAD' || end === start
  const signal = signalOf(reply)
  const relay = askerOf(request).kind !== 'tracker'
  // Before the headers: an answer that says 200 must be able to begin.
  const bytes = isEmpty ? undefined : await context.reader.open({ version, start, end }, { signal, relay })
  reply.type('application/octet-stream').header('content-length', end - start)
  if (range !== undefined)
    reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${size}`)
  if (bytes === undefined) return reply.send()
  // A client that reads nothing for so long is cut off; the signal then stops the reading here.
  allowLong(reply)
  const body = counted(context, version, { bytes, signal })
  return reply.send(Readable.from(body, { objectMode: false, highWaterMark: READ_AHEAD_BYTES }))
}

/** Errors destroy the connection: an answer that breaks off must not look complete. */
async function* counted(
  context: RouteContext,
  { manifest }: StoredVersion,
  init: { bytes: AsyncIterable<Uint8Array>; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { bytes, signal } = init
  try {
    for await (const piece of bytes) {
      context.metrics.rawBytes.inc(piece.length)
      yield piece
    }
  } catch (error) {
    if (!signal.aborted) context.log.error({ err: error, manifest }, 'a raw download broke off')
    throw error
  }
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
