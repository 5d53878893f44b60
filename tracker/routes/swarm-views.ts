import {
  SwarmParams,
  type SwarmPeersQuery,
  SwarmPeersQuery as SwarmPeersQuerySchema,
  SwarmPeersView,
  type SwarmPeerView,
  SwarmsQuery,
  type SwarmView,
  SwarmViews,
} from '../../src/api/swarm-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import { formatReference } from '../../src/core/reference.ts'
import { SWARMS_LIST_ROWS, SWARMS_PER_QUERY } from '../../src/core/registry-limits.ts'
import { askerOf, type KnownAsker } from '../access/asker.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import type { SwarmCounts, SwarmPeer, Swarms } from '../swarm/swarms.ts'
import { problems } from './answers.ts'

const tags = ['swarms']

const listSwarmsSchema = {
  tags,
  summary: 'Swarms of images that the asker may read, by manifest',
  querystring: SwarmsQuery,
  response: { 200: SwarmViews, ...problems },
}

const showSwarmSchema = {
  tags,
  summary: 'One swarm: how many, and for admins who',
  params: SwarmParams,
  querystring: SwarmPeersQuerySchema,
  response: { 200: SwarmPeersView, ...problems },
}

const listSwarms: Handler<typeof listSwarmsSchema> = (context) => async (request) => {
  const asker = context.access.known(askerOf(request))
  const { after = '', limit = SWARMS_LIST_ROWS } = request.query
  const manifests = context.swarms.manifests().filter((manifest) => manifest > after)
  manifests.sort()
  const views: SwarmView[] = []
  // What the asker may not read is passed over, so one page may take several queries: each for many swarms.
  for (let at = 0; at < manifests.length && views.length < limit; at += SWARMS_PER_QUERY)
    views.push(...(await viewsOf(context, asker, manifests.slice(at, at + SWARMS_PER_QUERY))))
  return views.slice(0, limit)
}

const showSwarm: Handler<typeof showSwarmSchema> = (context) => async (request) => {
  const asker = context.access.known(askerOf(request))
  const { manifest } = request.params
  const [view] = await viewsOf(context, asker, [manifest])
  if (view === undefined) throw new NotFoundError(`there is no swarm of ${manifest}`)
  return { ...view, peers: peersFor(context.swarms, asker, { manifest, ...request.query }).map(peerView) }
}

/** Those of these swarms that the asker may know of: admins of all, others of what they may read. */
async function viewsOf(
  { catalog, swarms, clock }: RouteContext,
  asker: KnownAsker,
  manifests: readonly ManifestId[],
): Promise<SwarmView[]> {
  const references = new Map<ManifestId, string[]>()
  for (const version of await catalog.lists.versions(asker, { manifests, nowMs: clock.now() }))
    references.set(version.manifest, [...(references.get(version.manifest) ?? []), formatReference(version)])
  return manifests.flatMap((manifest) => {
    const counts = swarms.counts(manifest)
    const known = references.has(manifest) || asker.admin
    return counts === undefined || !known ? [] : [viewOf(counts, references.get(manifest) ?? [])]
  })
}

function viewOf({ manifest, complete, partial }: SwarmCounts, references: string[]): SwarmView {
  return { manifest, references, complete, partial }
}

/** Whoever may read an image sees how it is spread; where its nodes stand and what they run is for admins. */
function peersFor(
  swarms: Swarms,
  asker: KnownAsker,
  { manifest, after, limit = SWARMS_LIST_ROWS }: SwarmPeersQuery & { manifest: ManifestId },
): SwarmPeer[] {
  if (asker.kind === 'node') {
    const own = swarms.peer(manifest, asker.peer)
    return own === undefined ? [] : [own]
  }
  if (!asker.admin) return []
  const peers = swarms.peers(manifest).filter(({ peer }) => after === undefined || peer > after)
  return peers.sort((a, b) => (a.peer < b.peer ? -1 : 1)).slice(0, limit)
}

function peerView({ announcedAtMs, labels, ...peer }: SwarmPeer): SwarmPeerView {
  return { ...peer, labels: { ...labels }, announcedAt: new Date(announcedAtMs).toISOString() }
}

/** What can be seen of the swarms. */
export const swarmViewRoutes: Registration = (app, context) => {
  const { swarms, swarm } = TRACKER_PATHS
  app.route({ method: 'GET', url: swarms, schema: listSwarmsSchema, handler: listSwarms(context) })
  app.route({ method: 'GET', url: swarm, schema: showSwarmSchema, handler: showSwarm(context) })
}
