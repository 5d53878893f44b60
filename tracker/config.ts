import { dirname, join, resolve } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { ConfigError } from '../src/core/errors.ts'
import { GRANT_LIFETIME_S, GRANT_LIFETIME_S_MAX, GRANT_LIFETIME_S_MIN } from '../src/core/limits.ts'
import { BYTES_FORMS, parseBytes } from '../src/core/quantity.ts'
import { GC_INTERVAL_S } from '../src/core/registry-limits.ts'
import {
  type ExchangeConfig,
  ExchangeConfigSchema,
  resolveExchange,
} from '../src/exchange/exchange-config.ts'
import {
  type IdentityConfig,
  IdentityConfigSchema,
  resolveIdentity,
} from '../src/identity/identity-config.ts'
import { type ListenAddress, parseConfig, parseListen, readConfigFile } from '../src/util/config-file.ts'
import type { FirstContact } from './access/askers.ts'
import type { CatalogLocation } from './catalog/database.ts'
import type { Quotas } from './catalog/quota.ts'
import type { EnrolmentMode } from './nodes/nodes.ts'

const closed = { additionalProperties: false }
const HostPort = Type.String({
  pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]]+):[0-9]{1,5}$',
  description: 'host:port',
})
const Multiaddrs = Type.Array(Type.String({ pattern: '^/' }))

/** The file that `bootswarm tracker serve --config` reads, in YAML. Paths are relative to it. */
export const TrackerConfigSchema = Type.Object(
  {
    dataDir: Type.String({ minLength: 1 }),
    listen: Type.Optional(HostPort),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    publicUrl: Type.Optional(
      Type.String({ pattern: '^https://[^/?#@]+$', description: 'https://host:port' }),
    ),
    ownUrl: Type.Optional(
      Type.String({
        pattern: '^https://[^/?#@\\s]+$',
        description:
          'where other trackers and pushes reach this tracker and no other, such as https://a.example:8443',
      }),
    ),
    catalog: Type.Optional(
      Type.Union([
        Type.Object({ postgres: Type.String() }, closed),
        Type.Object({ postgresFile: Type.String({ minLength: 1 }) }, closed),
      ]),
    ),
    identity: IdentityConfigSchema,
    p2p: Type.Optional(
      Type.Object({ listen: Type.Optional(Multiaddrs), announce: Type.Optional(Multiaddrs) }, closed),
    ),
    exchange: Type.Optional(ExchangeConfigSchema),
    users: Type.Optional(
      Type.Object(
        {
          onFirstContact: Type.Optional(
            Type.Union([Type.Literal('refuse'), Type.Literal('pending'), Type.Literal('active')]),
          ),
        },
        closed,
      ),
    ),
    namespaces: Type.Optional(Type.Object({ nodesRead: Type.Optional(Type.Boolean()) }, closed)),
    quotas: Type.Optional(
      Type.Object(
        {
          bytes: Type.Optional(
            Type.Union([Type.Integer({ minimum: 0 }), Type.String({ description: BYTES_FORMS })]),
          ),
          images: Type.Optional(Type.Integer({ minimum: 0 })),
        },
        closed,
      ),
    ),
    admins: Type.Optional(Type.Array(Type.String({ pattern: '^/' }))),
    adminsFile: Type.Optional(Type.String({ minLength: 1 })),
    nodes: Type.Optional(
      Type.Object(
        {
          enrolment: Type.Optional(
            Type.Union([Type.Literal('machines'), Type.Literal('approve'), Type.Literal('open')]),
          ),
        },
        closed,
      ),
    ),
    grants: Type.Optional(
      Type.Object(
        {
          lifetimeSeconds: Type.Optional(
            Type.Integer({ minimum: GRANT_LIFETIME_S_MIN, maximum: GRANT_LIFETIME_S_MAX }),
          ),
        },
        closed,
      ),
    ),
    gc: Type.Optional(
      Type.Object(
        { intervalSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })) },
        closed,
      ),
    ),
    http: Type.Optional(Type.Object({ listen: HostPort }, closed)),
    publicHttpUrl: Type.Optional(
      Type.String({ pattern: '^http://[^/?#@\\s]+$', description: 'http://host:port' }),
    ),
    metrics: Type.Optional(Type.Object({ listen: HostPort }, closed)),
    log: Type.Optional(
      Type.Object(
        {
          level: Type.Optional(
            Type.Union(['debug', 'info', 'warn', 'error', 'silent'].map((l) => Type.Literal(l))),
          ),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** The configuration with every default filled in and every path absolute. */
export interface TrackerConfig {
  readonly dataDir: string
  readonly listen: ListenAddress
  /** What it signs as: the name by which nodes and people know it; the first of its certificate when undefined. */
  readonly name: string | undefined
  /** Origin that addresses in answers begin with; undefined: the name by which the request came. */
  readonly publicUrl: string | undefined
  /** Where other trackers reach this one and no other; undefined: where it listens. */
  readonly ownUrl: string | undefined
  /** SQLite in `dataDir`, or a PostgreSQL database. */
  readonly catalog: CatalogLocation
  readonly identity: IdentityConfig
  /** Multiaddrs of the origin's peer. */
  readonly p2p: { readonly listen: readonly string[]; readonly announce: readonly string[] }
  /** Compression of answers, and limits. */
  readonly exchange: ExchangeConfig
  /** What happens when a valid certificate comes that no user has. */
  readonly users: { readonly onFirstContact: FirstContact }
  /** Whether enrolled nodes may read what is in a new namespace. */
  readonly namespaces: { readonly nodesRead: boolean }
  /** Of users whose accounts say nothing; null: none. */
  readonly quotas: Quotas
  /** Distinguished names in slash form. */
  readonly admins: readonly string[]
  /** Lines of `name,email,dn`. */
  readonly adminsFile: string | undefined
  /** Which nodes become active without an admin. */
  readonly nodes: { readonly enrolment: EnrolmentMode }
  /** Life of grants and passes: what is taken back ends at the peers within it. */
  readonly grants: { readonly lifetimeSeconds: number }
  /** Pause between two garbage collections; 0 when they come on request alone. */
  readonly gc: { readonly intervalSeconds: number }
  /** Plain HTTP for the bytes of public images; none when undefined. */
  readonly http: { readonly listen: ListenAddress } | undefined
  /** Origin that `http_file_url` begins with; undefined: the host of the request and the port of `http`. */
  readonly publicHttpUrl: string | undefined
  /** Plain HTTP for probes and metrics; none when undefined. */
  readonly metrics: { readonly listen: ListenAddress } | undefined
  readonly log: { readonly level: string }
}

const DEFAULT_LISTEN = '0.0.0.0:8443'
const DEFAULT_P2P_LISTEN = ['/ip4/0.0.0.0/tcp/4001']

/** Throws ConfigError, which names the file and the key, when it cannot be read or is wrong. */
export async function loadTrackerConfig(path: string): Promise<TrackerConfig> {
  return resolveConfig(await readConfigFile(path, TrackerConfigSchema), path)
}

/** Reads the text of the file at `init.path`. Throws ConfigError. */
export function parseTrackerConfig(text: string, init: { path: string }): TrackerConfig {
  return resolveConfig(parseConfig(text, { ...init, schema: TrackerConfigSchema }), init.path)
}

function resolveConfig(file: Static<typeof TrackerConfigSchema>, path: string): TrackerConfig {
  const absolute = (relative: string) => resolve(dirname(path), relative)
  const dataDir = absolute(file.dataDir)
  return {
    dataDir,
    listen: parseListen(file.listen ?? DEFAULT_LISTEN),
    name: file.name,
    publicUrl: file.publicUrl,
    ownUrl: file.ownUrl,
    catalog: catalogLocation(file.catalog, { absolute, dataDir }),
    identity: resolveIdentity(file.identity, absolute),
    p2p: { listen: file.p2p?.listen ?? DEFAULT_P2P_LISTEN, announce: file.p2p?.announce ?? [] },
    exchange: resolveExchange(file.exchange, path),
    users: { onFirstContact: file.users?.onFirstContact ?? 'refuse' },
    namespaces: { nodesRead: file.namespaces?.nodesRead ?? true },
    quotas: { bytes: quotaBytes(file.quotas?.bytes, path), images: file.quotas?.images ?? null },
    admins: file.admins ?? [],
    adminsFile: file.adminsFile === undefined ? undefined : absolute(file.adminsFile),
    nodes: { enrolment: file.nodes?.enrolment ?? 'machines' },
    grants: { lifetimeSeconds: file.grants?.lifetimeSeconds ?? GRANT_LIFETIME_S },
    gc: { intervalSeconds: file.gc?.intervalSeconds ?? GC_INTERVAL_S },
    http: file.http === undefined ? undefined : { listen: parseListen(file.http.listen) },
    publicHttpUrl: file.publicHttpUrl,
    metrics: file.metrics === undefined ? undefined : { listen: parseListen(file.metrics.listen) },
    log: { level: file.log?.level ?? 'info' },
  }
}

function catalogLocation(
  file: Static<typeof TrackerConfigSchema>['catalog'],
  init: { absolute: (path: string) => string; dataDir: string },
): CatalogLocation {
  if (file === undefined) return { path: join(init.dataDir, 'catalog.sqlite') }
  return 'postgres' in file ? file : { postgresFile: init.absolute(file.postgresFile) }
}

function quotaBytes(value: number | string | undefined, path: string): number | null {
  if (value === undefined) return null
  const bytes = typeof value === 'number' ? value : parseBytes(value)
  if (bytes !== undefined) return bytes
  throw new ConfigError(`${path}: quotas.bytes must be ${BYTES_FORMS}`)
}
