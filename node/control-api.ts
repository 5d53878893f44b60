import { type TSchema, Type } from '@sinclair/typebox'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import type { Registry } from 'prom-client'
import { frameworkError } from '../src/api/framework-error.ts'
import { NDJSON, NODE_PATHS } from '../src/api/node-paths.ts'
import {
  type ExportProgress,
  ExportRequest,
  GcRequest,
  type LocalImage,
  PullRequest,
  type VerifyProgress,
} from '../src/api/node-schemas.ts'
import { PROBLEM_TYPE, problemOf } from '../src/api/problem.ts'
import { type TypeBoxProvider, validatorCompiler } from '../src/api/validation.ts'
import { BootswarmError, httpStatusOf, NotFoundError } from '../src/core/errors.ts'
import type { Log } from '../src/core/log.ts'
import { parseReference } from '../src/core/reference.ts'
import { addDisks, type DiskRoutesComponents } from './disk/disk-routes.ts'
import { addHoard, type HoardRoutesComponents } from './disk/hoard-routes.ts'
import type { Enrolment } from './enrolment.ts'
import { eventStream } from './event-stream.ts'
import type { Exporter } from './exporter.ts'
import type { CatalogEntry, ImageCatalog } from './image-catalog.ts'
import { addProbes } from './listen.ts'
import type { Maintenance } from './maintenance.ts'
import type { Puller } from './puller.ts'
import type { NodeReport } from './report.ts'
import { addSeeds, type SeedRoutesComponents } from './seed-routes.ts'

export interface ControlComponents {
  catalog: ImageCatalog
  puller: Puller
  maintenance: Maintenance
  metrics: Registry
  log: Log
  report: NodeReport
  enrolment: Enrolment
  exporter: Exporter
  seeds: SeedRoutesComponents['seeds']
  disks: DiskRoutesComponents['disks']
  boots: DiskRoutesComponents['boots']
  hoard: HoardRoutesComponents['hoard']
}

/** The control API of a node (HTTP on its unix socket), not yet listening. Who may open the socket may do everything. */
export function buildControlApi(components: ControlComponents): FastifyInstance {
  const failed = (error: unknown, _request: unknown, reply: FastifyReply) =>
    sendProblem(components.log, error, reply)
  const app = fastify({
    bodyLimit: 64 * 1024,
    // Names that are too long are refused as such.
    routerOptions: { maxParamLength: 1024 },
    // Of paths that the router cannot even take apart.
    frameworkErrors: failed,
  })
  app.setValidatorCompiler<TSchema>(validatorCompiler)
  app.setErrorHandler(failed)
  app.setNotFoundHandler((request, reply) =>
    sendProblem(components.log, new NotFoundError(`no such path: ${request.url}`), reply),
  )
  addReads(app, components)
  addPulls(app, components)
  addMaintenance(app, components)
  addExports(app, components)
  addDisks(app, components)
  addHoard(app, components)
  addSeeds(app, { seeds: components.seeds, failed: (error) => logFailure(components.log, error) })
  return app
}

function sendProblem(log: Log, error: unknown, reply: FastifyReply): void {
  const cause = error instanceof BootswarmError ? error : (frameworkError(error) ?? error)
  const problem = problemOf(cause)
  logFailure(log, cause)
  reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
}

/** Problems of the outside (tracker away, too much work, disk full) are no defects and have no stack worth keeping. */
const OUTSIDE = [502, 503, 504, 507]

function logFailure(log: Log, error: unknown): void {
  const status = httpStatusOf(error)
  const message = 'a control request failed'
  if (error instanceof BootswarmError && OUTSIDE.includes(status))
    log.warn({ code: error.code, err: error.message }, message)
  else if (status >= 500) log.error({ err: error }, message)
}

function addReads(app: FastifyInstance, components: ControlComponents): void {
  const { catalog, report, enrolment } = components
  app.get(NODE_PATHS.status, () => report.status())
  app.get(NODE_PATHS.peers, async () => report.peers())
  app.post(NODE_PATHS.enrolment, () => enrolment.now())
  app.get(NODE_PATHS.images, async () => catalog.all().map(localImage))
  addProbes(app, components.metrics)
}

function localImage(entry: CatalogEntry): LocalImage {
  const { namespace, name, version, tag, manifest, size, sha256, complete, pulledAt } = entry
  const image = { namespace, name, version, manifest, size, sha256, complete, pulledAt }
  return tag === undefined ? image : { ...image, tag }
}

function addPulls(app: FastifyInstance, { puller, log }: ControlComponents): void {
  const typed = app.withTypeProvider<TypeBoxProvider>()
  typed.post(NODE_PATHS.pulls, { schema: { body: PullRequest } }, async (request, reply) => {
    const { reference, delegation } = request.body
    const { pull, result } = await puller.start(parseReference(reference), { delegation })
    return reply
      .type(NDJSON)
      .send(
        eventStream({ progress: () => pull.progress(), result, failed: (error) => logFailure(log, error) }),
      )
  })
}

function addMaintenance(app: FastifyInstance, { maintenance, catalog, log }: ControlComponents): void {
  const typed = app.withTypeProvider<TypeBoxProvider>()
  const Params = Type.Object({ namespace: Type.String(), name: Type.String() })
  const Query = Type.Object(
    { tag: Type.Optional(Type.String()), version: Type.Optional(Type.Integer({ minimum: 1 })) },
    { additionalProperties: false },
  )
  typed.delete(
    NODE_PATHS.image,
    { schema: { params: Params, querystring: Query } },
    async (request, reply) => {
      const { namespace, name } = request.params
      const { tag, version } = request.query
      const suffix = version === undefined ? (tag === undefined ? '' : `:${tag}`) : `@${version}`
      await maintenance.remove(found(catalog, `${namespace}/${name}${suffix}`))
      return reply.code(204).send()
    },
  )
  typed.post(NODE_PATHS.gc, { schema: { body: GcRequest } }, (request) =>
    maintenance.collect({ dryRun: request.body.dryRun === true }),
  )
  typed.post(NODE_PATHS.verify, async (_request, reply) => {
    let progress: VerifyProgress | undefined
    const result = maintenance.verify((now) => {
      progress = now
    })
    return reply
      .type(NDJSON)
      .send(eventStream({ progress: () => progress, result, failed: (error) => logFailure(log, error) }))
  })
}

function addExports(app: FastifyInstance, components: ControlComponents): void {
  const typed = app.withTypeProvider<TypeBoxProvider>()
  typed.post(NODE_PATHS.exports, { schema: { body: ExportRequest } }, async (request, reply) => {
    const { reference, path } = request.body
    const entry = found(components.catalog, reference)
    let progress: ExportProgress | undefined
    const onProgress = (now: ExportProgress) => {
      progress = now
    }
    const result = components.exporter.export(entry, { path, onProgress })
    const failed = (error: unknown) => logFailure(components.log, error)
    return reply.type(NDJSON).send(eventStream({ progress: () => progress, result, failed }))
  })
}

function found(catalog: ImageCatalog, reference: string): CatalogEntry {
  const entry = catalog.find(parseReference(reference))
  if (entry === undefined)
    throw new NotFoundError(`${reference} is not here: bootswarm image ls --local shows what is`)
  return entry
}
