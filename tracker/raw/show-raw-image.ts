import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RawPath } from '../../src/api/raw-schemas.ts'
import { VersionQuery } from '../../src/api/tracker-schemas.ts'
import { askerOf } from '../access/asker.ts'
import type { StoredVersion } from '../catalog/image-rows.ts'
import type { RouteContext } from '../context.ts'
import { signalOf } from '../http/signal.ts'
import { Empty, Octets, problems } from '../routes/answers.ts'
import { rawAnswer } from './raw-answer.ts'
import { rawTarget } from './raw-target.ts'

/** Schema of every route that gives the bytes of an image, but for its parameters. */
export const rawImageSchema = {
  tags: ['images'],
  summary: 'The bytes of an image',
  description: 'The entity tag is the manifest CID. One range at a time.',
  querystring: VersionQuery,
  response: { 200: Octets, 206: Octets, 304: Empty, 416: Empty, ...problems },
}

export type RawImageContext = Pick<RouteContext, 'access' | 'accesses' | 'catalog' | 'downloads' | 'reader'>

export interface RawExchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** Answers a GET or HEAD of the bytes of an image, for whoever may read it. */
export async function showRawImage(
  context: RawImageContext,
  path: RawPath,
  { request, reply }: RawExchange,
): Promise<FastifyReply> {
  const asker = askerOf(request)
  const image = await rawTarget(context, { asker, path }, (found) =>
    context.access.image(asker, found, 'read'),
  )
  const { namespace, name } = image
  const query = request.query as VersionQuery
  const version = await context.catalog.images.resolve({ namespace, name, ...query })
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
  context: RawImageContext,
  version: StoredVersion,
  { request, reply }: RawExchange,
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
