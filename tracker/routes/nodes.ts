import type { FastifyRequest } from 'fastify'
import {
  ChangeNodeBody,
  EnrolAnswer,
  EnrolBody,
  NodeParams,
  NodesQuery,
  type NodeView,
  NodeView as NodeViewSchema,
  NodeViews,
  type PassAnswer,
  PassAnswer as PassAnswerSchema,
  PassBody,
} from '../../src/api/node-enrolment-schemas.ts'
import { RESERVED_NODES, TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { ConflictError, InvalidError, NotAuthorisedError } from '../../src/core/errors.ts'
import { NODES_LIST_ROWS } from '../../src/core/registry-limits.ts'
import type { Principal } from '../../src/identity/path-validation.ts'
import { askerOf } from '../access/asker.ts'
import type { StoredNode } from '../catalog/node-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { NoContent, problems } from './answers.ts'

const tags = ['nodes']

const enrolNodeSchema = {
  tags,
  summary:
    'Enrol the node that asks: its certificate, peer key and labels; answered with a pass when it is active',
  body: EnrolBody,
  response: { 200: EnrolAnswer, ...problems },
}

const renewPassSchema = {
  tags,
  summary: 'A fresh pass for the node that asks',
  body: PassBody,
  response: { 200: PassAnswerSchema, ...problems },
}

const listNodesSchema = {
  tags,
  summary: 'Nodes in the order of their names',
  querystring: NodesQuery,
  response: { 200: NodeViews, ...problems },
}

const showNodeSchema = {
  tags,
  summary: 'One node',
  params: NodeParams,
  response: { 200: NodeViewSchema, ...problems },
}

const changeNodeSchema = {
  tags,
  summary: 'Approve or revoke a node, or set its labels; for admins',
  params: NodeParams,
  body: ChangeNodeBody,
  response: { 200: NodeViewSchema, ...problems },
}

const removeNodeSchema = {
  tags,
  summary: 'Forget a node; for admins',
  params: NodeParams,
  response: { 204: NoContent, ...problems },
}

const enrolNode: Handler<typeof enrolNodeSchema> = (context) => async (request) => {
  const { name } = request.body
  if (name !== undefined && RESERVED_NODES.has(name)) throw new InvalidError(`no node may be called ${name}`)
  const node = await context.nodes.enrol(principalOf(request), request.body)
  const answer = { node: viewOf(node) }
  return node.state === 'active' ? { ...answer, pass: await passFor(context, node) } : answer
}

const renewPass: Handler<typeof renewPassSchema> = (context) => async (request) => {
  const asker = askerOf(request)
  if (asker.kind === 'anonymous') throw new NotAuthorisedError(asker.reason)
  if (asker.kind !== 'node') throw new NotAuthorisedError(`${asker.dn} is a ${asker.kind} and no node`)
  if (asker.peer !== request.body.peer)
    throw new ConflictError(`the node ${asker.name} has enrolled another peer: bootswarm node enroll`)
  return await passFor(context, await context.catalog.nodes.get(asker.name))
}

const listNodes: Handler<typeof listNodesSchema> = (context) => async (request) => {
  context.access.user(askerOf(request), { change: false })
  const { limit = NODES_LIST_ROWS, ...query } = request.query
  return (await context.catalog.nodes.list({ ...query, rowsMax: limit })).map(viewOf)
}

const showNode: Handler<typeof showNodeSchema> = (context) => async (request) => {
  const asker = askerOf(request)
  const { node } = request.params
  if (asker.kind !== 'node' || asker.name !== node) context.access.user(asker, { change: false })
  return viewOf(await context.catalog.nodes.get(node))
}

const changeNode: Handler<typeof changeNodeSchema> = (context) => async (request) => {
  context.access.admin(askerOf(request))
  const { node } = request.params
  const { labels, state } = request.body
  if (labels !== undefined) await context.nodes.setLabels(node, labels)
  if (state !== undefined) await context.nodes.setState(node, state)
  return viewOf(await context.catalog.nodes.get(node))
}

const removeNode: Handler<typeof removeNodeSchema> = (context) => async (request, reply) => {
  const { dn } = context.access.admin(askerOf(request))
  await context.nodes.remove(request.params.node, { author: dn })
  return reply.code(204).send(null)
}

async function passFor(context: RouteContext, node: StoredNode): Promise<PassAnswer> {
  const { token, renewAfterSeconds } = await context.nodes.pass(node)
  return { pass: token, renewAfterSeconds }
}

/** Whoever has a valid certificate may ask to become a node. */
function principalOf(request: FastifyRequest): Principal {
  const asker = askerOf(request)
  if (asker.principal !== undefined) return asker.principal
  throw new NotAuthorisedError(asker.kind === 'anonymous' ? asker.reason : 'nobody asks')
}

function viewOf(node: StoredNode): NodeView {
  const { name, dn, peer, labels, state, createdAtMs, modifiedAtMs, seenAtMs } = node
  const time = (ms: number) => new Date(ms).toISOString()
  const times = { created: time(createdAtMs), modified: time(modifiedAtMs) }
  return {
    name,
    dn,
    peer,
    labels: { ...labels },
    state,
    ...times,
    seen: seenAtMs === null ? null : time(seenAtMs),
  }
}

/** The nodes of the site: enrolment, passes, and what admins decide about them. */
export const nodeRoutes: Registration = (app, context) => {
  const { nodes, node, pass } = TRACKER_PATHS
  const config = { machines: true }
  // Whoever enrols is nobody yet.
  const stranger = { ...config, open: true }
  const enrol = { schema: enrolNodeSchema, handler: enrolNode(context) }
  app.route({ method: 'POST', url: nodes, config: stranger, ...enrol })
  app.route({ method: 'POST', url: pass, config, schema: renewPassSchema, handler: renewPass(context) })
  app.route({ method: 'GET', url: nodes, schema: listNodesSchema, handler: listNodes(context) })
  app.route({ method: 'GET', url: node, schema: showNodeSchema, handler: showNode(context) })
  app.route({ method: 'POST', url: node, schema: changeNodeSchema, handler: changeNode(context) })
  app.route({ method: 'DELETE', url: node, schema: removeNodeSchema, handler: removeNode(context) })
}
