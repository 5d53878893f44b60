import type { Server, ServerOptions } from 'node:https'
import fastifySwagger from '@fastify/swagger'
import type { TSchema } from '@sinclair/typebox'
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  fastify,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
} from 'fastify'
import {
  API_BODY_BYTES_MAX,
  TRACKER_IDLE_TIMEOUT_MS,
  TRACKER_REQUEST_TIMEOUT_MS,
} from '../src/core/limits.ts'
import type { Principal } from '../src/identity/path-validation.ts'
import type { RouteContext } from './context.ts'
import { problemHandler, unknownRoute } from './http/errors.ts'
import { type TypeBoxProvider, validatorCompiler } from './http/validation.ts'
import { OPENAPI } from './openapi.ts'
import { imageRoutes } from './routes/images.ts'
import { rawRoutes } from './routes/raw.ts'
import { swarmRoutes } from './routes/swarms.ts'
import { openRoutes, systemRoutes } from './routes/system.ts'
import { uploadRoutes } from './routes/uploads.ts'
import { versionRoutes } from './routes/versions.ts'

export type App = FastifyInstance<
  Server,
  RawRequestDefaultExpression<Server>,
  RawReplyDefaultExpression<Server>,
  FastifyBaseLogger,
  TypeBoxProvider
>

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; undefined on routes that are open to everybody. */
    principal: Principal | undefined
  }
}

/** The tracker's HTTP interface, ready to listen or to be injected requests. */
export async function buildApp(context: RouteContext, init: { tls?: ServerOptions } = {}): Promise<App> {
  const app: App = fastify({
    https: init.tls ?? {},
    bodyLimit: API_BODY_BYTES_MAX,
    connectionTimeout: TRACKER_IDLE_TIMEOUT_MS,
    requestTimeout: TRACKER_REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
  }).withTypeProvider<TypeBoxProvider>()
  app.setValidatorCompiler<TSchema>(validatorCompiler)
  app.setErrorHandler(problemHandler(context))
  app.setNotFoundHandler(unknownRoute)
  app.decorateRequest('principal', undefined)
  app.addHook('onResponse', async (request, reply) => {
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
    }
    context.metrics.httpSeconds.observe(labels, reply.elapsedTime / 1000)
  })
  await app.register(fastifySwagger, { openapi: OPENAPI })
  await app.register(async (scope) => openRoutes(scope as App, context))
  await app.register(async (scope) => {
    scope.addHook('onRequest', async (request) => {
      request.principal = context.authenticate(request.raw.socket)
    })
    for (const routes of [imageRoutes, versionRoutes, uploadRoutes, rawRoutes, swarmRoutes, systemRoutes]) {
      routes(scope as App, context)
    }
  })
  await app.ready()
  return app
}

/** Who asks, on routes that need a certificate. */
export function askerOf(request: Pick<FastifyRequest, 'principal'>): Principal {
  if (request.principal === undefined) throw new TypeError('route without authentication')
  return request.principal
}
