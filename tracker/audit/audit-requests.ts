import type { FastifyRequest } from 'fastify'
import type { Problem } from '../../src/api/problem.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import type { AuditEntry } from '../../src/core/audit-line.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import { AUDIT_TEXT_CHARS_MAX } from '../../src/core/registry-limits.ts'
import type { Asker } from '../access/asker.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Why the request was refused or failed; set by the error handler. */
    problem: Problem | undefined
  }
}

/**
 * Asks that change nothing that lasts, and come often. Their refusals are written down like all others. A node enrols whenever it
 * starts, and again while it waits: who enrols nodes writes down what that changed.
 */
const NO_CHANGES: ReadonlySet<string> = new Set([
  ...[TRACKER_PATHS.need, TRACKER_PATHS.blocks, TRACKER_PATHS.nodes, TRACKER_PATHS.pass],
  ...[TRACKER_PATHS.join, TRACKER_PATHS.announce, TRACKER_PATHS.leave, TRACKER_PATHS.swarmProfile],
])
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Refusals of reads that are worth a line: rights, not mistakes. */
const REFUSALS: ReadonlySet<string> = new Set([
  'E_NOT_AUTHORISED',
  'E_CERTIFICATE',
  'E_GRANT',
  'E_QUOTA',
  'E_SIGNATURE',
] satisfies ErrorCode[])
/** Parameters that are names; an upload's is known to who opened it alone. */
const SECRET_PARAMS: ReadonlySet<string> = new Set(['upload'])
/** What of a body says what the request is about. */
const NAMES_OF_BODIES = [
  ...[
    'namespace',
    'name',
    'user_name',
    'group',
    'users',
    'groups',
    'cert_dn',
    'dn',
    'reference',
    'node',
    'peer',
    ...['kind', 'subject', 'right', 'target'],
  ],
  ...['manifest', 'version', 'owner', 'state', 'suspended', 'read_only', 'unauthenticated_access', 'access'],
]

const WORDS: ReadonlyMap<string, string> = new Map(
  Object.entries(TRACKER_PATHS).map(([word, path]) => [path, word]),
)

export interface AuditWriter {
  write(entry: Omit<AuditEntry, 'time'>): void
}

/** What of a request and of its answer goes into a line. */
export interface AuditedRequest
  extends Pick<FastifyRequest, 'asker' | 'body' | 'id' | 'ip' | 'method' | 'params' | 'problem'> {
  readonly raw: { readonly destroyed: boolean }
  readonly routeOptions: { readonly url?: string | undefined }
}
export interface AuditedReply {
  readonly statusCode: number
  readonly raw: { readonly writableFinished: boolean }
}

/**
 * For `onResponse` of a whole application: writes a line for every change and for every refusal, whatever the routes do.
 */
export function auditRequests(components: {
  audit: AuditWriter
}): (request: AuditedRequest, reply: AuditedReply) => Promise<void> {
  return async (request, reply) => {
    if (isWorthALine(request)) components.audit.write(entryOf(request, reply))
  }
}

function isWorthALine(request: AuditedRequest): boolean {
  const { method, problem } = request
  if (problem !== undefined && REFUSALS.has(problem.code)) return true
  return !READS.has(method) && !NO_CHANGES.has(request.routeOptions.url ?? '')
}

function entryOf(request: AuditedRequest, reply: AuditedReply): Omit<AuditEntry, 'time'> {
  const { method, problem } = request
  const route = request.routeOptions.url
  const status = reply.statusCode
  const target = targetOf(request)
  return {
    action: `${WORDS.get(route ?? '') ?? 'unknown'}.${method.toLowerCase()}`,
    result: resultOf(request, reply),
    req: request.id,
    ...whoOf(request.asker),
    remote: request.ip,
    ...{ method, ...(route === undefined ? {} : { route }) },
    ...(Object.keys(target).length === 0 ? {} : { target }),
    status,
    ...(problem === undefined ? {} : { code: problem.code, detail: clipped(problem.detail) }),
  }
}

/** An answer that never left counts as failed: nobody knows what became of it. */
function resultOf({ raw }: AuditedRequest, reply: AuditedReply): AuditEntry['result'] {
  if (reply.statusCode >= 500 || (raw.destroyed && !reply.raw.writableFinished)) return 'failed'
  return reply.statusCode >= 400 ? 'refused' : 'done'
}

function whoOf(asker: Asker | undefined): Partial<AuditEntry> {
  if (asker === undefined) return { dn: null }
  const { principal, kind } = asker
  const dn = asker.dn === undefined ? null : clipped(asker.dn)
  const name = 'name' in asker ? asker.name : null
  const proxy =
    principal === undefined ? {} : { proxyDepth: principal.proxyDepth, limited: principal.limited }
  return { dn, ...proxy, kind, asker: name }
}

function targetOf(request: AuditedRequest): Record<string, string> {
  const target: Record<string, string> = {}
  const put = (name: string, value: unknown) => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      target[name] = clipped(String(value))
  }
  for (const [name, value] of Object.entries((request.params ?? {}) as Record<string, unknown>))
    if (!SECRET_PARAMS.has(name)) put(name, value)
  const { body } = request
  if (typeof body !== 'object' || body === null || Buffer.isBuffer(body)) return target
  // A new name beside the old one in the path.
  for (const name of NAMES_OF_BODIES)
    if (Object.hasOwn(body, name))
      put(Object.hasOwn(target, name) ? `new_${name}` : name, (body as Record<string, unknown>)[name])
  return target
}

/** Without control characters, which would be hard to read in a terminal. */
function clipped(text: string): string {
  return text.slice(0, AUDIT_TEXT_CHARS_MAX).replace(/\p{C}/gu, '?')
}
