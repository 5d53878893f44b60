import { Type } from '@sinclair/typebox'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { GcAnswer, WhoamiAnswer } from '../../src/api/tracker-schemas.ts'
import { NotAuthorisedError } from '../../src/core/errors.ts'
import { askerOf } from '../access/asker.ts'
import type { RouteContext } from '../context.ts'
import type { App } from '../http/app-type.ts'
import { allowLong } from '../http/signal.ts'
import { PlainText, problems } from './answers.ts'

/** Health, for everybody: a probe has no certificate. */
export function openRoutes(app: App, context: RouteContext): void {
  const schema = { tags: ['system'], security: [], response: { 200: PlainText, ...problems } }
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.live,
    schema: { ...schema, summary: 'Whether the process runs' },
    handler: async (_request, reply) => reply.type('text/plain').send('ok\n'),
  })
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.ready,
    schema: { ...schema, summary: 'Whether requests are welcome' },
    handler: async (_request, reply) => {
      await context.checkReady()
      return reply.type('text/plain').send('ok\n')
    },
  })
}

/** Who am I, upkeep, and what the tracker says of itself. */
export function systemRoutes(app: App, context: RouteContext): void {
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.whoami,
    schema: { tags: ['system'], summary: 'Who is asking', response: { 200: WhoamiAnswer, ...problems } },
    handler: async (request) => {
      const asker = askerOf(request)
      if (asker.kind === 'anonymous') throw new NotAuthorisedError(asker.reason)
      const { principal, dn, admin } = asker
      const notAfter = new Date(principal.notAfterMs).toISOString()
      const namespaces = asker.kind === 'user' ? await context.catalog.namespaces.ownedBy(asker) : []
      return { dn, commonName: principal.commonName, notAfter, admin, namespaces }
    },
  })
  app.route({
    method: 'POST',
    url: TRACKER_PATHS.gc,
    schema: {
      tags: ['system'],
      summary: 'Forget expired uploads and free what nothing needs; for admins',
      body: Type.Object({}, { additionalProperties: false }),
      response: { 200: GcAnswer, ...problems },
    },
    handler: async (request, reply) => {
      context.access.admin(askerOf(request))
      allowLong(reply)
      return await context.collector.collect()
    },
  })
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.metrics,
    schema: {
      tags: ['system'],
      summary: 'Metrics for Prometheus',
      response: { 200: PlainText, ...problems },
    },
    handler: async (_request, reply) => {
      const { registry } = context.metrics
      return reply.type(registry.contentType).send(await registry.metrics())
    },
  })
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.openapi,
    schema: { hide: true },
    handler: async () => app.swagger(),
  })
}
