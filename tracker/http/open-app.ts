import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import { RawHypervisorParams, RawOwnParams, RawParams, type RawPath } from '../../src/api/raw-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { type TypeBoxProvider, validatorCompiler } from '../../src/api/validation.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import {
  OPEN_CONNECTIONS_MAX,
  OPEN_REQUEST_TIMEOUT_MS,
  TRACKER_IDLE_TIMEOUT_MS,
} from '../../src/core/registry-limits.ts'
import { cannotListen } from '../../src/util/cannot-listen.ts'
import type { ListenAddress } from '../../src/util/config-file.ts'
import { auditRequests } from '../audit/audit-requests.ts'
import type { RouteContext } from '../context.ts'
import { type RawImageContext, rawImageSchema, showRawImage } from '../raw/show-raw-image.ts'
import { SHARED_SCHEMAS } from '../routes/answers.ts'
import type { BaseUrl } from './base-url.ts'
import { problemHandler } from './errors.ts'
import { drain, reachableHost } from './server.ts'

export type OpenContext = RawImageContext & Pick<RouteContext, 'audit' | 'baseUrl' | 'log' | 'metrics'>

/** Plain HTTP: the bytes of images that are for everybody, and nothing else. */
function buildOpenApp(context: OpenContext) {
  const app = fastify({
    connectionTimeout: TRACKER_IDLE_TIMEOUT_MS,
    requestTimeout: OPEN_REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
  }).withTypeProvider<TypeBoxProvider>()
  const nothing = (what: string, url: string) =>
    `plain HTTP gives the bytes of public images alone: ${what} with a certificate at ${url}`
  app.setValidatorCompiler(validatorCompiler)
  app.setErrorHandler(problemHandler(context))
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema)
  app.setNotFoundHandler((request) => {
    throw new NotFoundError(nothing('come', context.baseUrl(request)))
  })
  // Bodies are nobody's here: they are read and dropped.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.decorateRequest('asker', undefined)
  app.decorateRequest('problem', undefined)
  app.addHook('onResponse', auditRequests(context))
  app.addHook('onRequest', async (request) => {
    const reason = nothing('ask for others', context.baseUrl(request))
    request.asker = { kind: 'anonymous', principal: undefined, dn: undefined, reason, admin: false }
  })
  const { raw, rawOwn, rawHypervisor } = TRACKER_PATHS
  for (const [url, params] of [
    [raw, RawParams],
    [rawOwn, RawOwnParams],
    [rawHypervisor, RawHypervisorParams],
  ] as const)
    app.route({
      ...{ method: ['GET', 'HEAD'], exposeHeadRoute: false, url, schema: { ...rawImageSchema, params } },
      handler: async (request, reply) =>
        await showRawImage(context, request.params as RawPath, { request, reply }),
    })
  return app
}

/** Listens; returns what addresses begin with that lead here. Errors: ConfigError. */
export async function listenOpen(
  components: OpenContext & { readonly opened: AsyncDisposableStack },
  address: ListenAddress,
): Promise<{ openUrl: BaseUrl; url: string }> {
  const app = components.opened.adopt(buildOpenApp(components), drain)
  app.server.maxConnections = OPEN_CONNECTIONS_MAX
  await app.listen({ ...address, backlog: 1024 }).catch((cause: unknown) => {
    throw cannotListen(address, cause)
  })
  const { port } = app.server.address() as AddressInfo
  const openUrl: BaseUrl = (request) => `http://${new URL(components.baseUrl(request)).hostname}:${port}`
  return { openUrl, url: `http://${reachableHost(address)}:${port}` }
}
