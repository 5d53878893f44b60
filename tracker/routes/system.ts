import { Type } from '@sinclair/typebox'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { GcAnswer } from '../../src/api/tracker-schemas.ts'
import { askerOf } from '../access/asker.ts'
import type { Handler, Registration } from '../http/route.ts'
import { allowLong } from '../http/signal.ts'
import { PlainText, problems } from './answers.ts'

const tags = ['system']
const plain = { 200: PlainText, ...problems }

const showLiveSchema = { tags, security: [], summary: 'Whether the process runs', response: plain }

const showReadySchema = { tags, security: [], summary: 'Whether requests are welcome', response: plain }

const collectSchema = {
  tags,
  summary: 'Forget expired uploads and free what nothing needs; for admins',
  body: Type.Object({}, { additionalProperties: false }),
  response: { 200: GcAnswer, ...problems },
}

const showMetricsSchema = { tags, summary: 'Metrics for Prometheus', response: plain }

const showOpenapiSchema = { hide: true }

const showLive: Handler<typeof showLiveSchema> = () => async (_request, reply) =>
  reply.type('text/plain').send('ok\n')

const showReady: Handler<typeof showReadySchema> = (context) => async (_request, reply) => {
  await context.checkReady()
  return reply.type('text/plain').send('ok\n')
}

const collect: Handler<typeof collectSchema> = (context) => async (request, reply) => {
  context.access.admin(askerOf(request))
  allowLong(reply)
  return await context.collector.collect()
}

const showMetrics: Handler<typeof showMetricsSchema> = (context) => async (request, reply) => {
  context.access.known(askerOf(request))
  const { registry } = context.metrics
  return reply.type(registry.contentType).send(await registry.metrics())
}

const showOpenapi: Handler<typeof showOpenapiSchema, { document: () => object }> =
  (context) => async (request) => {
    context.access.known(askerOf(request))
    return context.document()
  }

/** Health, for everybody: a probe has no certificate. */
export const openRoutes: Registration = (app, context) => {
  const { live, ready } = TRACKER_PATHS
  app.route({ method: 'GET', url: live, schema: showLiveSchema, handler: showLive(context) })
  app.route({ method: 'GET', url: ready, schema: showReadySchema, handler: showReady(context) })
}

/** Upkeep, and what the tracker says of itself. */
export const systemRoutes: Registration = (app, context) => {
  const { gc, metrics, openapi } = TRACKER_PATHS
  const described = { ...context, document: () => app.swagger() }
  app.route({ method: 'POST', url: gc, schema: collectSchema, handler: collect(context) })
  app.route({ method: 'GET', url: metrics, schema: showMetricsSchema, handler: showMetrics(context) })
  app.route({ method: 'GET', url: openapi, schema: showOpenapiSchema, handler: showOpenapi(described) })
}
