import type { Server } from 'node:https'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
} from 'fastify'
import type { TypeBoxProvider } from '../../src/api/validation.ts'
import type { Principal } from '../../src/identity/path-validation.ts'

/** The HTTPS application that routes are registered on. */
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

/** Who asks, on routes that need a certificate. */
export function askerOf(request: Pick<FastifyRequest, 'principal'>): Principal {
  if (request.principal === undefined) throw new TypeError('route without authentication')
  return request.principal
}
