import type { FastifyReply, FastifyRequest } from 'fastify'
import { RawHypervisorParams, RawOwnParams, RawParams, type RawPath } from '../../src/api/raw-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { AbortedError, ConflictError } from '../../src/core/errors.ts'
import { RAW_BODY_IDLE_MS } from '../../src/core/registry-limits.ts'
import { askerOf, type UserAsker } from '../access/asker.ts'
import type { StoredImage } from '../catalog/image-rows.ts'
import type { RouteContext } from '../context.ts'
import type { App } from '../http/app-type.ts'
import { bodyOf } from '../http/body.ts'
import { boundRest } from '../http/body-time.ts'
import type { Handler, Registration } from '../http/route.ts'
import { allowLong, signalOf } from '../http/signal.ts'
import { parsePutHead } from '../raw/put-head.ts'
import { rawTarget } from '../raw/raw-target.ts'
import { type RawExchange, rawImageSchema, showRawImage } from '../raw/show-raw-image.ts'
import { Empty, problems } from './answers.ts'

const tags = ['images']

const showRawSchema = { ...rawImageSchema, params: RawParams }
const showRawOwnSchema = { ...showRawSchema, params: RawOwnParams }
const showRawHypervisorSchema = { ...showRawSchema, params: RawHypervisorParams }

const putRawSchema = {
  tags,
  summary: 'Bytes for a slot: the next version of the image, with the tag latest',
  description:
    'The body is the image, of any content type. With Content-Range it is a part; 308 and Range say what is kept (docs/specs/raw-upload-v1.md). Content-MD5, Content-Digest, Repr-Digest and Digest are checked.',
  params: RawParams,
  response: { 200: Empty, 308: Empty, ...problems },
}
const putRawOwnSchema = { ...putRawSchema, params: RawOwnParams }
const putRawHypervisorSchema = { ...putRawSchema, params: RawHypervisorParams }

const showRaw: Handler<typeof showRawSchema> = (context) => async (request, reply) =>
  await showRawImage(context, request.params, { request, reply })
const showRawOwn: Handler<typeof showRawOwnSchema> = (context) => async (request, reply) =>
  await showRawImage(context, request.params, { request, reply })
const showRawHypervisor: Handler<typeof showRawHypervisorSchema> = (context) => async (request, reply) =>
  await showRawImage(context, request.params, { request, reply })

const putRaw: Handler<typeof putRawSchema> = (context) => async (request, reply) =>
  await put(context, request.params, { request, reply })
const putRawOwn: Handler<typeof putRawOwnSchema> = (context) => async (request, reply) =>
  await put(context, request.params, { request, reply })
const putRawHypervisor: Handler<typeof putRawHypervisorSchema> = (context) => async (request, reply) =>
  await put(context, request.params, { request, reply })

/** Whatever can be refused is refused before the client is told to send. */
async function put(
  context: RouteContext,
  path: RawPath,
  { request, reply }: RawExchange,
): Promise<FastifyReply> {
  try {
    const { asker, image } = await writable(context, { path, request })
    const head = parsePutHead(request.headers)
    const { dn: principal } = asker
    const base = { image, principal, head }
    if (head.kind === 'question') return kept(reply, await context.rawUploads.keptBytes(base))
    // What is kept is hashed before the rest is read, and everything is looked at once more at the end.
    allowLong(reply)
    const body = () => bodyOf(context, request, { idleMs: RAW_BODY_IDLE_MS })
    const recheck = async () => void (await writable(context, { path, request, again: true }))
    const result = await context.rawUploads.put({ ...base, body, recheck }, { signal: signalOf(reply) })
    if (result.kind === 'kept') return kept(reply, result.keptBytes)
    return reply.header('etag', `"${result.manifest}"`).send()
  } catch (error) {
    if (error instanceof ConflictError && typeof error.data['keptBytes'] === 'number')
      rangeOf(reply, error.data['keptBytes'])
    if (error instanceof AbortedError) request.raw.socket.destroy()
    boundRest(context, request.raw)
    throw error
  }
}

/** The image, when the asker may give it bytes; `again`: as things stand now and not when the request began. */
async function writable(
  context: RouteContext,
  use: { path: RawPath; request: FastifyRequest; again?: true },
): Promise<{ asker: UserAsker; image: StoredImage }> {
  const { access, askers } = context
  const { path, request } = use
  const asker = use.again ? await askers.of(request.raw.socket, { contact: false }) : askerOf(request)
  const user = access.user(asker, { change: true })
  const image = await rawTarget(context, { asker, path }, async (found) => {
    await access.image(asker, found, 'write')
  })
  context.images.checkWritable(image)
  return { asker: user, image }
}

/** What resumable uploads know as "go on": 308 without Location. */
function kept(reply: FastifyReply, bytes: number): FastifyReply {
  return rangeOf(reply, bytes).code(308).send()
}

function rangeOf(reply: FastifyReply, bytes: number): FastifyReply {
  return bytes === 0 ? reply : reply.header('range', `bytes=0-${bytes - 1}`)
}

/** The bytes of images, for clients that know nothing of blocks. */
export const rawRoutes: Registration = (app, context) => {
  const { raw, rawOwn, rawHypervisor } = TRACKER_PATHS
  const shown = { method: ['GET', 'HEAD'], exposeHeadRoute: false, config: { open: true } }
  app.route({ ...shown, url: rawOwn, schema: showRawOwnSchema, handler: showRawOwn(context) })
  app.route({ ...shown, url: raw, schema: showRawSchema, handler: showRaw(context) })
  app.route({
    ...{ ...shown, url: rawHypervisor, schema: showRawHypervisorSchema },
    handler: showRawHypervisor(context),
  })
  app.register(async (registered) => {
    const scope = registered as App
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    const sent = { method: 'PUT', config: { readsBody: true } }
    scope.route({ ...sent, url: rawOwn, schema: putRawOwnSchema, handler: putRawOwn(context) })
    scope.route({ ...sent, url: raw, schema: putRawSchema, handler: putRaw(context) })
    scope.route({
      ...{ ...sent, url: rawHypervisor, schema: putRawHypervisorSchema },
      handler: putRawHypervisor(context),
    })
  })
}
