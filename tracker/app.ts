import { randomBytes } from 'node:crypto'
import type { ServerOptions } from 'node:https'
import fastifySwagger from '@fastify/swagger'
import type { TSchema } from '@sinclair/typebox'
import { fastify } from 'fastify'
import { TRACKER_PATHS } from '../src/api/tracker-paths.ts'
import { type TypeBoxProvider, validatorCompiler } from '../src/api/validation.ts'
import { API_BODY_BYTES_MAX, TRACKER_IDLE_TIMEOUT_MS } from '../src/core/registry-limits.ts'
import { auditRequests } from './audit/audit-requests.ts'
import type { RouteContext } from './context.ts'
import type { App } from './http/app-type.ts'
import { boundBodies, boundRest } from './http/body-time.ts'
import { addContinue } from './http/continue.ts'
import { problemHandler, unknownRoute } from './http/errors.ts'
import { addForms } from './http/forms.ts'
import type { Registration } from './http/route.ts'
import { OPENAPI } from './openapi.ts'
import { aclRoutes } from './routes/acls.ts'
import { SHARED_SCHEMAS } from './routes/answers.ts'
import { auditRoutes } from './routes/audit.ts'
import { chainRoutes } from './routes/chains.ts'
import { groupRoutes } from './routes/groups.ts'
import { historyRoutes } from './routes/history.ts'
import { imageRoutes } from './routes/images.ts'
import { membershipRoutes } from './routes/memberships.ts'
import { namespaceRoutes } from './routes/namespaces.ts'
import { nodeRoutes } from './routes/nodes.ts'
import { placementRoutes } from './routes/placements.ts'
import { profileRoutes } from './routes/profiles.ts'
import { rawRoutes } from './routes/raw.ts'
import { relatedRoutes } from './routes/related.ts'
import { shareRoutes } from './routes/shares.ts'
import { signatureRoutes } from './routes/signatures.ts'
import { swarmViewRoutes } from './routes/swarm-views.ts'
import { swarmRoutes } from './routes/swarms.ts'
import { openRoutes, systemRoutes } from './routes/system.ts'
import { uploadRoutes } from './routes/uploads.ts'
import { usageRoutes } from './routes/usage.ts'
import { userListRoutes } from './routes/user-lists.ts'
import { userRoutes } from './routes/users.ts'
import { versionRoutes } from './routes/versions.ts'

/** Everything that looks at who asks. */
const ROUTES: readonly Registration[] = [
  userRoutes,
  userListRoutes,
  groupRoutes,
  membershipRoutes,
  namespaceRoutes,
  imageRoutes,
  shareRoutes,
  versionRoutes,
  aclRoutes,
  signatureRoutes,
  historyRoutes,
  uploadRoutes,
  rawRoutes,
  nodeRoutes,
  swarmRoutes,
  swarmViewRoutes,
  relatedRoutes,
  profileRoutes,
  placementRoutes,
  usageRoutes,
  chainRoutes,
  auditRoutes,
  systemRoutes,
]

const UNCHANGING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Come often, and change nobody's rights. */
const ABOUT_BLOCKS: ReadonlySet<string | undefined> = new Set([TRACKER_PATHS.need, TRACKER_PATHS.blocks])

/** The tracker's HTTP interface, ready to listen or to be injected requests. */
export async function buildApp(context: RouteContext, init: { tls?: ServerOptions } = {}): Promise<App> {
  const app: App = fastify({
    https: init.tls ?? {},
    bodyLimit: API_BODY_BYTES_MAX,
    connectionTimeout: TRACKER_IDLE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    // Of paths that the router cannot even take apart.
    frameworkErrors: problemHandler(context),
    genReqId: () => randomBytes(9).toString('base64url'),
  }).withTypeProvider<TypeBoxProvider>()
  app.setValidatorCompiler<TSchema>(validatorCompiler)
  app.setErrorHandler(problemHandler(context))
  app.setNotFoundHandler(unknownRoute)
  app.decorateRequest('asker', undefined)
  app.decorateRequest('problem', undefined)
  // Before all routes, so that none can forget it.
  app.addHook('onResponse', auditRequests(context))
  app.addHook('onResponse', async (request, reply) => {
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
    }
    context.metrics.httpSeconds.observe(labels, reply.elapsedTime / 1000)
  })
  boundBodies(app, context)
  addContinue(app)
  await addForms(app)
  app.addHook('onResponse', async (request, reply) => {
    const { config, url } = request.routeOptions
    const changes = !UNCHANGING.has(request.method) && !ABOUT_BLOCKS.has(url) && reply.statusCode < 300
    if (changes && config.machines !== true) context.changed()
  })
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema)
  await app.register(fastifySwagger, { openapi: OPENAPI, refResolver: { buildLocalReference } })
  await app.register(async (scope) => openRoutes(scope as App, context))
  await app.register(async (scope) => {
    scope.addHook('onRequest', async (request) => {
      const contact = request.routeOptions.config.machines !== true
      const asker = await context.askers.of(request.raw.socket, { contact })
      request.asker = asker
      // Before the body and before any look-up: what there is, and what a request should be, is not for the unknown.
      if (request.routeOptions.config.open === true || asker.kind !== 'anonymous') return
      boundRest(context, request.raw)
      context.access.known(asker)
    })
    for (const routes of ROUTES) routes(scope as App, context)
  })
  await app.ready()
  return app
}

/** Name of a shared schema in the OpenAPI document. */
function buildLocalReference(
  ...[schema, , , index]: [Record<string, unknown>, unknown, string, number]
): string {
  return typeof schema['$id'] === 'string' ? schema['$id'] : `schema-${index}`
}
