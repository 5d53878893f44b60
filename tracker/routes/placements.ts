import {
  ChangePlacementBody,
  OrdersAnswer,
  OrdersBody,
  PlaceBody,
  PlacementParams,
  PlacementsQuery,
  type PlacementView,
  PlacementView as PlacementViewSchema,
  PlacementViews,
  PlacesQuery,
  type PlaceView,
  PlaceViews,
} from '../../src/api/placement-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { PLACE_STATES, type PlaceState, parseWaveSize } from '../../src/core/placement.ts'
import { parseReference } from '../../src/core/reference.ts'
import { PLACES_LIST_ROWS } from '../../src/core/registry-limits.ts'
import { askerOf } from '../access/asker.ts'
import { enrolledNode } from '../access/enrolled-node.ts'
import type { PlaceCount, StoredPlace } from '../catalog/placement-catalog.ts'
import type { StoredPlacement } from '../catalog/placement-rows.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { signalOf } from '../http/signal.ts'
import { imageOf } from '../placement/placements.ts'
import { problems } from './answers.ts'

const tags = ['placements']
/** Placements of an answer that names no number. */
const LIST_ROWS = 100

const placeSchema = {
  tags,
  summary: 'Bring an image to nodes before anybody boots it; for admins',
  body: PlaceBody,
  response: { 200: PlacementViewSchema, ...problems },
}

const listPlacementsSchema = {
  tags,
  summary: 'Placements, the newest first; for admins',
  querystring: PlacementsQuery,
  response: { 200: PlacementViews, ...problems },
}

const showPlacementSchema = {
  tags,
  summary: 'How far a placement is, wave by wave; for admins',
  params: PlacementParams,
  response: { 200: PlacementViewSchema, ...problems },
}

const listPlacesSchema = {
  tags,
  summary: 'How far each node of a placement is; for admins',
  params: PlacementParams,
  querystring: PlacesQuery,
  response: { 200: PlaceViews, ...problems },
}

const changePlacementSchema = {
  tags,
  summary: 'Cancel a placement, go on with a halted one, or leave nodes out; for admins',
  params: PlacementParams,
  body: ChangePlacementBody,
  response: { 200: PlacementViewSchema, ...problems },
}

const ordersSchema = {
  tags,
  summary: 'For nodes: what has come of their places, answered with what to fetch now',
  body: OrdersBody,
  response: { 200: OrdersAnswer, ...problems },
}

const place: Handler<typeof placeSchema> = (context) => async (request) => {
  const { dn } = context.access.admin(askerOf(request))
  const { reference, labels = {}, copies, at, waves = [], failuresMax = 0 } = request.body
  const placement = await context.placements.create(dn, {
    ...{ reference: parseReference(reference), labels, copies, failuresMax },
    ...{ waves: waves.map(parseWaveSize), atMs: at === undefined ? undefined : timeOf(at) },
  })
  return await viewWithCounts(context, placement)
}

const listPlacements: Handler<typeof listPlacementsSchema> = (context) => async (request) => {
  context.access.admin(askerOf(request))
  const { before, limit = LIST_ROWS } = request.query
  const list = await context.catalog.placements.list({ before, rowsMax: limit })
  const counts = await context.catalog.placements.counts(list.map(({ id }) => id))
  return list.map((placement) => viewOf(placement, counts, context.clock.now()))
}

const showPlacement: Handler<typeof showPlacementSchema> = (context) => async (request) => {
  context.access.admin(askerOf(request))
  return await viewWithCounts(context, await context.catalog.placements.get(request.params.placement))
}

const listPlaces: Handler<typeof listPlacesSchema> = (context) => async (request) => {
  context.access.admin(askerOf(request))
  const { after, limit = PLACES_LIST_ROWS } = request.query
  const { id } = await context.catalog.placements.get(request.params.placement)
  return (await context.catalog.placements.places(id, { after, rowsMax: limit })).map(placeViewOf)
}

const changePlacement: Handler<typeof changePlacementSchema> = (context) => async (request) => {
  context.access.admin(askerOf(request))
  const { placement: id } = request.params
  const { placements } = context.catalog
  const { body } = request
  const nowMs = context.clock.now()
  const change = async () => {
    if (body.action === 'cancel') return await placements.cancel(id, nowMs)
    if (body.action === 'skip') return await placements.skip(id, { nodes: body.nodes, nowMs })
    return await placements.resume(id, { skip: body.skipFailed === true, nowMs })
  }
  const changed = await change()
  await context.placements.wake(id)
  return await viewWithCounts(context, changed)
}

const giveOrders: Handler<typeof ordersSchema> = (context) => async (request, reply) => {
  const { peer, reports, waitSeconds = 0 } = request.body
  const { orders, askAgainMs } = await context.placements.ordersOf(enrolledNode(request, peer), {
    reports,
    waitMs: waitSeconds * 1000,
    signal: signalOf(reply),
  })
  return {
    orders: orders.map((order) => ({ placement: order.placement, reference: imageOf(order) })),
    askAgainSeconds: askAgainMs / 1000,
  }
}

function timeOf(text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new InvalidError(`"${text}" is no time; give one such as 2026-01-31T08:30:00Z`)
  return ms
}

async function viewWithCounts(context: RouteContext, placement: StoredPlacement): Promise<PlacementView> {
  return viewOf(placement, await context.catalog.placements.counts([placement.id]), context.clock.now())
}

const noPlaces = () =>
  Object.fromEntries(PLACE_STATES.map((state) => [state, 0])) as Record<PlaceState, number>

function viewOf(placement: StoredPlacement, counts: readonly PlaceCount[], nowMs: number): PlacementView {
  const { id, manifest, labels, atMs, failuresMax, author, createdAtMs } = placement
  const nodes = noPlaces()
  const waves: Record<PlaceState, number>[] = []
  for (const { placement: of, wave, state, places } of counts) {
    if (of !== id) continue
    while (waves.length <= wave) waves.push(noPlaces())
    const counted = waves[wave] ?? nodes
    counted[state] += places
    nodes[state] += places
  }
  return {
    ...{ placement: id, image: imageOf(placement), manifest, labels: { ...labels } },
    ...{ at: new Date(atMs).toISOString(), failuresMax, state: stateOf(placement, nodes, nowMs) },
    ...{ author, created: new Date(createdAtMs).toISOString(), nodes, waves },
  }
}

function stateOf(
  { state, atMs }: StoredPlacement,
  nodes: Readonly<Record<PlaceState, number>>,
  nowMs: number,
): PlacementView['state'] {
  if (state !== 'active') return state
  if (nodes.waiting + nodes.fetching === 0) return 'done'
  return atMs > nowMs ? 'waiting' : state
}

function placeViewOf({ node, wave, state, runs, runsTotal, error, modifiedAtMs }: StoredPlace): PlaceView {
  const modified = new Date(modifiedAtMs).toISOString()
  return { node, wave: wave + 1, state, runs, runsTotal, error, modified }
}

/** Images at nodes before anybody boots them. */
export const placementRoutes: Registration = (app, context) => {
  const { placements, placement, places, orders } = TRACKER_PATHS
  app.route({ method: 'POST', url: placements, schema: placeSchema, handler: place(context) })
  app.route({
    method: 'GET',
    url: placements,
    schema: listPlacementsSchema,
    handler: listPlacements(context),
  })
  app.route({ method: 'GET', url: placement, schema: showPlacementSchema, handler: showPlacement(context) })
  app.route({
    method: 'POST',
    url: placement,
    schema: changePlacementSchema,
    handler: changePlacement(context),
  })
  app.route({ method: 'GET', url: places, schema: listPlacesSchema, handler: listPlaces(context) })
  const config = { machines: true }
  app.route({ method: 'POST', url: orders, config, schema: ordersSchema, handler: giveOrders(context) })
}
