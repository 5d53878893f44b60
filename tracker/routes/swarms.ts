import {
  AnnounceAnswer,
  AnnounceBody,
  JoinAnswer,
  JoinBody,
  LeaveBody,
  type SwarmView,
  SwarmViews,
} from '../../src/api/swarm-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { formatReference, parseReference } from '../../src/core/reference.ts'
import { askerOf, type NodeAsker } from '../access/asker.ts'
import { enrolledNode } from '../access/enrolled-node.ts'
import type { StoredVersion } from '../catalog/image-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { FetchRight } from '../grants/fetch-rights.ts'
import type { Issued } from '../grants/short-lived.ts'
import type { Handler, Registration } from '../http/route.ts'
import type { SwarmPeer } from '../swarm/swarm.ts'
import { NoContent, problems } from './answers.ts'

const tags = ['swarms']

const listSwarmsSchema = { tags, summary: 'Every swarm', response: { 200: SwarmViews, ...problems } }

const joinSwarmSchema = {
  tags,
  summary: 'Enter the swarm of an image: record, grant and handout in one answer',
  body: JoinBody,
  response: { 200: JoinAnswer, ...problems },
}

const announcePeerSchema = {
  tags,
  summary: 'Say what a peer holds of a manifest; renews grant and handout',
  body: AnnounceBody,
  response: { 200: AnnounceAnswer, ...problems },
}

const leaveSwarmSchema = {
  tags,
  summary: 'Leave a swarm',
  body: LeaveBody,
  response: { 204: NoContent, ...problems },
}

const listSwarms: Handler<typeof listSwarmsSchema> = (context) => async (request) => {
  const asker = context.access.known(askerOf(request))
  const views: SwarmView[] = []
  for (const { manifest, peers } of context.swarms.list()) {
    const versions = await context.rights.readable(asker, manifest)
    if (versions.length > 0 || asker.admin) views.push(viewOf({ manifest, peers }, versions))
  }
  return views
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
  context.accesses.count(image)
  return { record, grant: token, manifest, peers, renewAfterSeconds }
}

const announcePeer: Handler<typeof announcePeerSchema> = (context) => async (request) => {
  const { manifest, peer, addresses, runs, delegation } = request.body
  const node = enrolledNode(request, peer)
  const { version, right } = await context.rights.manifest(node, manifest, delegation)
  if (runs > version.runs) throw new InvalidError(`the manifest has ${version.runs} runs, not ${runs}`)
  context.swarms.announce({ manifest, node, addresses, runs, runsTotal: version.runs })
  const origins = await context.holders.origins(manifest)
  const { token, renewAfterSeconds } = await grantFor(context, { node, manifest, right })
  return { grant: token, peers: context.swarms.handout(manifest, node, origins), renewAfterSeconds }
}

const leaveSwarm: Handler<typeof leaveSwarmSchema> = (context) => async (request, reply) => {
  const { manifest, peer } = request.body
  context.swarms.leave(manifest, enrolledNode(request, peer).peer)
  return reply.code(204).send(null)
}

function grantFor(
  context: RouteContext,
  init: { node: NodeAsker; manifest: ManifestId; right: FetchRight },
): Promise<Issued> {
  const { node, manifest, right } = init
  return context.grants.issue({ sub: node.dn, node: node.name, ...right, peer: node.peer, manifest })
}

function viewOf(swarm: { manifest: ManifestId; peers: SwarmPeer[] }, versions: StoredVersion[]): SwarmView {
  const { manifest, peers } = swarm
  const complete = peers.filter((peer) => peer.runs === peer.runsTotal).length
  return {
    manifest,
    references: versions.map(({ namespace, name, version }) => formatReference({ namespace, name, version })),
    complete,
    partial: peers.length - complete,
    peers: peers.map(({ address, node, runs, runsTotal, announcedAtMs }) => {
      const { peer, labels } = address
      return { peer, node, labels, runs, runsTotal, announcedAt: new Date(announcedAtMs).toISOString() }
    }),
  }
}

/** Grants and handouts for nodes. */
export const swarmRoutes: Registration = (app, context) => {
  const { swarms, join, announce, leave } = TRACKER_PATHS
  app.route({ method: 'GET', url: swarms, schema: listSwarmsSchema, handler: listSwarms(context) })
  const config = { machines: true }
  app.route({ method: 'POST', url: join, config, schema: joinSwarmSchema, handler: joinSwarm(context) })
  app.route({
    method: 'POST',
    url: announce,
    config,
    schema: announcePeerSchema,
    handler: announcePeer(context),
  })
  app.route({ method: 'POST', url: leave, config, schema: leaveSwarmSchema, handler: leaveSwarm(context) })
}
