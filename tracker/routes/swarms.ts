import type { FastifyRequest } from 'fastify'
import {
  AnnounceAnswer,
  AnnounceBody,
  type AnnouncedAnswer,
  type AnnouncedSwarm,
  JoinAnswer,
  JoinBody,
  LeaveBody,
} from '../../src/api/swarm-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { BootswarmError, httpStatusOf, InvalidError, UnreachableError } from '../../src/core/errors.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import type { NodeAsker } from '../access/asker.ts'
import { enrolledNode } from '../access/enrolled-node.ts'
import type { RouteContext } from '../context.ts'
import type { FetchRight } from '../grants/fetch-rights.ts'
import type { Issued } from '../grants/short-lived.ts'
import type { Handler, Registration } from '../http/route.ts'
import { NoContent, problems } from './answers.ts'

const tags = ['swarms']

const joinSwarmSchema = {
  tags,
  summary: 'Enter the swarm of an image: record, grant and handout in one answer',
  body: JoinBody,
  response: { 200: JoinAnswer, ...problems },
}

const announceSchema = {
  tags,
  summary:
    'Say what a node holds, of all its swarms at once; gives handouts and grants where they are asked for',
  body: AnnounceBody,
  response: { 200: AnnounceAnswer, ...problems },
}

const leaveSchema = {
  tags,
  summary: 'Leave some swarms, or all',
  body: LeaveBody,
  response: { 204: NoContent, ...problems },
}

const joinSwarm: Handler<typeof joinSwarmSchema> = (context) => async (request) => {
  const { reference, peer, addresses, delegation } = request.body
  const node = enrolledNode(request, peer)
  const wanted = parseReference(reference)
  const { image, right } = await context.rights.image(node, wanted, delegation)
  const { manifest, record, runs } = await context.catalog.images.resolve(wanted)
  context.swarms.announce({ manifest, node, addresses, runs: 0, runsTotal: runs })
  const origins = await context.holders.origins(manifest)
  const { token, renewAfterSeconds } = await grantFor(context, { node, manifest, right })
  const peers = context.swarms.handout(manifest, node, origins)
  const rack = context.swarms.rackPlace(manifest, peer)
  const profile = await context.catalog.profiles.digest({ image: image.id, manifest })
  context.accesses.count(image)
  const found = { peers, ...(rack && { rack }), ...(profile && { profile }) }
  return { record, grant: token, manifest, ...found, renewAfterSeconds }
}

const announce: Handler<typeof announceSchema> = (context) => async (request) => {
  const { peer, addresses, swarms: told } = request.body
  const node = enrolledNode(request, peer)
  context.swarms.renew(node, addresses)
  const swarms: AnnouncedAnswer[] = []
  for (const swarm of told) {
    try {
      swarms.push(await announced(context, { node, addresses, swarm }))
    } catch (error) {
      swarms.push(refusalOf(context, { request, node, manifest: swarm.manifest, error }))
    }
  }
  return { swarms, places: context.swarms.placesOf(peer) }
}

const leave: Handler<typeof leaveSchema> = (context) => async (request, reply) => {
  const { peer, manifests } = request.body
  const node = enrolledNode(request, peer)
  if (manifests === undefined) context.swarms.forget(node.peer)
  for (const manifest of manifests ?? []) context.swarms.leave(manifest, node.peer)
  return reply.code(204).send(null)
}

interface Announced {
  readonly node: NodeAsker
  readonly addresses: readonly string[]
  readonly swarm: AnnouncedSwarm
}

/** Enters one swarm of an announce, or renews it. Errors: InvalidError, LimitError, those of FetchRights. */
async function announced(
  context: RouteContext,
  { node, addresses, swarm }: Announced,
): Promise<AnnouncedAnswer> {
  const { manifest, runs, delegation, find = false, grant = false } = swarm
  const { version, right } = await context.rights.manifest(node, manifest, delegation)
  if (runs > version.runs) throw new InvalidError(`the manifest has ${version.runs} runs, not ${runs}`)
  context.swarms.announce({ manifest, node, addresses, runs, runsTotal: version.runs })
  const issued = grant ? await grantFor(context, { node, manifest, right }) : undefined
  return {
    manifest,
    ...(issued && { grant: issued.token, renewAfterSeconds: issued.renewAfterSeconds }),
    ...(find && (await handoutOf(context, manifest, node))),
  }
}

/** Other peers of a swarm, and which one of its rack the node is in it. */
async function handoutOf(
  context: RouteContext,
  manifest: ManifestId,
  node: NodeAsker,
): Promise<Pick<AnnouncedAnswer, 'peers' | 'rack'>> {
  const origins = await originsOf(context, manifest)
  const rack = context.swarms.rackPlace(manifest, node.peer)
  return { peers: context.swarms.handout(manifest, node, origins), ...(rack && { rack }) }
}

/** The other peers of a swarm are found also while no tracker has the blocks. */
async function originsOf({ holders }: RouteContext, manifest: ManifestId): Promise<PeerAddress[]> {
  try {
    return await holders.origins(manifest)
  } catch (error) {
    if (error instanceof UnreachableError) return []
    throw error
  }
}

/** What is wrong with one swarm of an announce is said of that one. Throws what is wrong with the tracker. */
function refusalOf(
  { swarms, audit }: RouteContext,
  refused: { request: FastifyRequest; node: NodeAsker; manifest: ManifestId; error: unknown },
): AnnouncedAnswer {
  const { request, node, manifest, error } = refused
  if (!(error instanceof BootswarmError) || httpStatusOf(error) >= 500) throw error
  const { code, message } = error
  if (code === 'E_NOT_AUTHORISED') swarms.leave(manifest, node.peer)
  audit.write({
    ...{ action: 'announce.post', result: 'refused', req: request.id, remote: request.ip },
    ...{ dn: node.dn, kind: node.kind, asker: node.name, target: { manifest, peer: node.peer } },
    ...{ status: httpStatusOf(error), code, detail: message },
  })
  return { manifest, refused: { code, detail: message } }
}

function grantFor(
  context: RouteContext,
  init: { node: NodeAsker; manifest: ManifestId; right: FetchRight },
): Promise<Issued> {
  const { node, manifest, right } = init
  return context.grants.issue({ sub: node.dn, node: node.name, ...right, peer: node.peer, manifest })
}

/** Grants and handouts for nodes. */
export const swarmRoutes: Registration = (app, context) => {
  const { join, announce: announcePath, leave: leavePath } = TRACKER_PATHS
  const config = { machines: true }
  app.route({ method: 'POST', url: join, config, schema: joinSwarmSchema, handler: joinSwarm(context) })
  app.route({ method: 'POST', url: announcePath, config, schema: announceSchema, handler: announce(context) })
  app.route({ method: 'POST', url: leavePath, config, schema: leaveSchema, handler: leave(context) })
}
