import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import {
  AnnounceAnswer,
  AnnounceBody,
  JoinAnswer,
  JoinBody,
  LeaveBody,
  type SwarmView,
  SwarmViews,
} from '../../src/api/tracker-schemas.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { InvalidError, NotFoundError } from '../../src/core/errors.ts'
import { formatReference, parseReference } from '../../src/core/reference.ts'
import { askerOf } from '../access/asker.ts'
import type { RouteContext } from '../context.ts'
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
  context.access.known(askerOf(request))
  const views: SwarmView[] = []
  for (const { manifest, peers } of context.swarms.list()) views.push(await viewOf(context, manifest, peers))
  return views
}

const joinSwarm: Handler<typeof joinSwarmSchema> = (context) => async (request) => {
  const { reference, peer, addresses, labels } = request.body
  const asker = context.access.known(askerOf(request))
  const { dn } = asker
  const wanted = parseReference(reference)
  const image = await context.catalog.images.get(wanted)
  await context.access.image(asker, image, 'read')
  const { manifest, record, runs } = await context.catalog.images.resolve(wanted)
  const facts = { manifest, principal: dn, peer, addresses, labels }
  context.swarms.announce({ ...facts, runs: 0, runsTotal: runs })
  const origins = await context.holders.origins(manifest)
  const grant = await context.grants.issue({ sub: dn, peer, manifest })
  const peers = context.swarms.handout(manifest, { peer, principal: dn }, origins)
  context.accesses.count(image)
  return { record, grant: grant.token, manifest, peers, renewAfterSeconds: grant.renewAfterSeconds }
}

const announcePeer: Handler<typeof announcePeerSchema> = (context) => async (request) => {
  const asker = context.access.known(askerOf(request))
  const { dn } = asker
  const { manifest, peer, runs } = request.body
  const [version] = await context.catalog.images.withManifest(manifest)
  if (version === undefined) throw new NotFoundError('no image has this manifest')
  await context.access.image(asker, await context.catalog.images.get(version), 'read')
  if (runs > version.runs) throw new InvalidError(`the manifest has ${version.runs} runs, not ${runs}`)
  context.swarms.announce({ ...request.body, principal: dn, runsTotal: version.runs })
  const origins = await context.holders.origins(manifest)
  const grant = await context.grants.issue({ sub: dn, peer, manifest })
  const peers = context.swarms.handout(manifest, { peer, principal: dn }, origins)
  return { grant: grant.token, peers, renewAfterSeconds: grant.renewAfterSeconds }
}

const leaveSwarm: Handler<typeof leaveSwarmSchema> = (context) => async (request, reply) => {
  const { manifest, peer } = request.body
  context.swarms.leave(manifest, { peer, principal: context.access.known(askerOf(request)).dn })
  return reply.code(204).send(null)
}

async function viewOf(context: RouteContext, manifest: ManifestId, peers: SwarmPeer[]): Promise<SwarmView> {
  const versions = await context.catalog.images.withManifest(manifest)
  const complete = peers.filter((peer) => peer.runs === peer.runsTotal).length
  return {
    manifest,
    references: versions.map(({ namespace, name, version }) => formatReference({ namespace, name, version })),
    complete,
    partial: peers.length - complete,
    peers: peers.map(({ address, principal, runs, runsTotal, announcedAtMs }) => {
      const { peer, labels } = address
      return { peer, principal, labels, runs, runsTotal, announcedAt: new Date(announcedAtMs).toISOString() }
    }),
  }
}

/** Grants and handouts for nodes. */
export const swarmRoutes: Registration = (app, context) => {
  const { swarms, join, announce, leave } = TRACKER_PATHS
  app.route({ method: 'GET', url: swarms, schema: listSwarmsSchema, handler: listSwarms(context) })
  app.route({ method: 'POST', url: join, schema: joinSwarmSchema, handler: joinSwarm(context) })
  app.route({ method: 'POST', url: announce, schema: announcePeerSchema, handler: announcePeer(context) })
  app.route({ method: 'POST', url: leave, schema: leaveSwarmSchema, handler: leaveSwarm(context) })
}
