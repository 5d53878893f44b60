import type { FastifyReply, FastifyRequest } from 'fastify'
import { frameworkError } from '../../src/api/framework-error.ts'
import { PROBLEM_TYPE, problemOf } from '../../src/api/problem.ts'
import { BootswarmError, NotFoundError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'

/** Statuses of conditions that pass: load, and others that do not answer. No defect, so no stack in the log. */
const PASSING: ReadonlySet<number> = new Set([502, 503, 504])

/** Every error as a problem document. What is not ours goes to the log and not into the answer. */
export function problemHandler(components: { log: Log }) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const known = error instanceof BootswarmError ? error : frameworkError(error)
    const problem = problemOf(known ?? error)
    request.problem = problem
    if (problem.status >= 500) {
      const facts = { method: request.method, route: request.routeOptions.url }
      const { code, detail } = problem
      if (known !== undefined && PASSING.has(problem.status))
        components.log.warn({ ...facts, code, detail }, 'request refused')
      else components.log.error({ err: error, ...facts }, 'request failed')
    }
    return reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
  }
}

export function unknownRoute(request: FastifyRequest): never {
  throw new NotFoundError(`there is nothing at ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}`)
}
