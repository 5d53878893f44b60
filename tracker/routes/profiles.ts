import type { FastifyReply, FastifyRequest } from 'fastify'
import { FindProfileBody, ProfileView, PutRecordingBody } from '../../src/api/profile-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { ImageParams, VersionQuery } from '../../src/api/tracker-schemas.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { parseReference } from '../../src/core/reference.ts'
import { BOOT_RECORDING_BODY_BYTES_MAX } from '../../src/core/registry-limits.ts'
import { askerOf } from '../access/asker.ts'
import { enrolledNode, nodeAsking } from '../access/enrolled-node.ts'
import type { ProfileKey } from '../catalog/profile-catalog.ts'
import type { RouteContext } from '../context.ts'
import { matchesEtag } from '../http/range.ts'
import type { Handler, Registration } from '../http/route.ts'
import { RecordingPlaces } from '../profiles/recording-places.ts'
import { Empty, NoContent, problems } from './answers.ts'

const description = 'What it is and how it is verified: docs/specs/boot-profile-v1.md.'

const showProfileSchema = {
  ...{ tags: ['images'], summary: 'What machines read while they boot from an image', description },
  ...{ params: ImageParams, querystring: VersionQuery },
  response: { 200: ProfileView, 304: Empty, ...problems },
}

const dropProfileSchema = {
  ...{ tags: ['images'], summary: 'Forget a boot profile and what it was made of', description },
  ...{ params: ImageParams, querystring: VersionQuery },
  response: { 204: NoContent, ...problems },
}

const findProfileSchema = {
  ...{ tags: ['swarms'], summary: 'The boot profile of an image, for a node that may fetch it', description },
  body: FindProfileBody,
  response: { 200: ProfileView, ...problems },
}

const putRecordingSchema = {
  ...{ tags: ['swarms'], summary: 'Give what a machine of a node read while it booted' },
  description: `${description} The body is JSON alone.`,
  body: PutRecordingBody,
  response: { 204: NoContent, ...problems },
}

const showProfile: Handler<typeof showProfileSchema> = (context) => async (request, reply) => {
  const asker = context.access.known(askerOf(request))
  const image = await context.catalog.images.get(request.params)
  await context.access.image(asker, image, 'read')
  const profile = await context.profiles.get(await keyOf(context, request, image.id))
  const etag = `"${profile.digest}"`
  reply.header('etag', `W/${etag}`)
  if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send(null)
  return await context.profiles.signed(profile)
}

const dropProfile: Handler<typeof dropProfileSchema> = (context) => async (request, reply) => {
  const user = context.access.user(askerOf(request), { change: true })
  const image = await context.catalog.images.get(request.params)
  await context.access.image(user, image, 'write')
  await context.profiles.drop(await keyOf(context, request, image.id))
  return reply.code(204).send(null)
}

const findProfile: Handler<typeof findProfileSchema> = (context) => async (request) => {
  const { image, version } = await fetchable(context, request)
  const profile = await context.profiles.get({ image, manifest: version.manifest })
  return await context.profiles.signed(profile)
}

const putRecording: Handler<typeof putRecordingSchema> = (context) => async (request, reply) => {
  const { image, node, version } = await fetchable(context, request)
  const { manifest, reads, durationMs } = request.body
  await context.profiles.record({ image, ...version }, { manifest, reads, durationMs }, node)
  return reply.code(204).send(null)
}

/** A version that the node may fetch, its image and the node. Errors: those of a join. */
async function fetchable(
  context: RouteContext,
  request: Pick<FastifyRequest, 'asker'> & { body: FindProfileBody },
) {
  const { reference, peer, delegation } = request.body
  const node = enrolledNode(request, peer)
  const wanted = parseReference(reference)
  const { image } = await context.rights.image(node, wanted, delegation)
  const { manifest, size } = await context.catalog.images.resolve(wanted)
  return { image: image.id, node: node.name, version: { manifest, size } }
}

async function keyOf(
  context: RouteContext,
  { params, query }: { params: typeof ImageParams.static; query: VersionQuery },
  image: number,
): Promise<ProfileKey> {
  const { manifest } = await context.catalog.images.resolve({ ...params, ...query })
  return { image, manifest }
}

/** Before the body, which may be large; XML of its size would take seconds to read. */
function takePlace(places: RecordingPlaces) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const { name } = nodeAsking(request)
    if (request.headers['content-type']?.startsWith('application/json') !== true)
      throw new InvalidError('a recording comes as application/json')
    const leave = places.enter(name)
    reply.raw.once('close', leave)
  }
}

/** What machines read while they boot. */
export const profileRoutes: Registration = (app, context) => {
  const { profile: url, swarmProfile, bootRecordings } = TRACKER_PATHS
  const config = { machines: true }
  app.route({ method: 'GET', url, schema: showProfileSchema, handler: showProfile(context) })
  app.route({ method: 'DELETE', url, schema: dropProfileSchema, handler: dropProfile(context) })
  app.route({
    method: 'POST',
    url: swarmProfile,
    config,
    schema: findProfileSchema,
    handler: findProfile(context),
  })
  app.route({
    ...{ method: 'POST', url: bootRecordings, config, bodyLimit: BOOT_RECORDING_BODY_BYTES_MAX },
    onRequest: takePlace(new RecordingPlaces(context)),
    ...{ schema: putRecordingSchema, handler: putRecording(context) },
  })
}
