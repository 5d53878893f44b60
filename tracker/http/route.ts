import type { Server } from 'node:https'
import type {
  FastifySchema,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RouteGenericInterface,
  RouteHandlerMethod,
} from 'fastify'
import type { TypeBoxProvider } from '../../src/api/validation.ts'
import type { RouteContext } from '../context.ts'
import type { App } from './app-type.ts'

/**
 * What answers a request of the schema `S`. A route file has three parts: its schemas, a handler for each, and the
 * registration, which joins them to methods and paths. `More` is what the routes of one file share among themselves.
 */
export type Handler<S extends FastifySchema, More = unknown> = (
  context: RouteContext & More,
) => RouteHandlerMethod<
  Server,
  RawRequestDefaultExpression<Server>,
  RawReplyDefaultExpression<Server>,
  RouteGenericInterface,
  unknown,
  S,
  TypeBoxProvider
>

/** Registers the routes of one file. */
export type Registration = (app: App, context: RouteContext) => void

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For machines: nobody becomes a user by coming here. */
    machines?: boolean
    /** Also for the anonymous: the route itself decides what they get. Every other one turns them away before it looks at anything. */
    open?: boolean
    /** The handler reads the body itself, whatever its type, and tells the client when to send it. */
    readsBody?: boolean
  }
}
