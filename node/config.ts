import { dirname, join, resolve } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { HOARD_BYTES } from '../src/core/disk-limits.ts'
import { ConfigError } from '../src/core/errors.ts'
import { GRANT_GRACE_S } from '../src/core/limits.ts'
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
import { SOCKET_PATH_BYTES_MAX } from './socket-file.ts'

const closed = { additionalProperties: false }
const HostPort = Type.String({ pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]]+):[0-9]{1,5}$' })
const Multiaddrs = Type.Array(Type.String({ pattern: '^/' }))
const LABELS = ['site', 'zone', 'rack'] as const

/** The file that `bootswarm node serve --config` reads, in YAML. Paths are relative to it. */
export const NodeConfigSchema = Type.Object(
  {
    dataDir: Type.String({ minLength: 1 }),
    tracker: Type.Object(
      { url: Type.String({ pattern: '^https://' }), name: Type.Optional(Type.String({ minLength: 1 })) },
      closed,
    ),
    identity: IdentityConfigSchema,
    p2p: Type.Optional(
      Type.Object({ listen: Type.Optional(Multiaddrs), announce: Type.Optional(Multiaddrs) }, closed),
    ),
    control: Type.Optional(Type.Object({ socket: Type.String({ minLength: 1 }) }, closed)),
    disk: Type.Optional(
      Type.Object(
        {
          socketDirectory: Type.Optional(Type.String({ minLength: 1 })),
          tcp: Type.Optional(
            Type.Object(
              { listen: HostPort, allow: Type.Array(Type.String({ pattern: '^/' }), { minItems: 1 }) },
              closed,
            ),
          ),
          hoardBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 53 - 1 })),
        },
        closed,
      ),
    ),
    labels: Type.Optional(
      Type.Partial(Type.Object(Object.fromEntries(LABELS.map((label) => [label, Type.String()])), closed)),
    ),
    grants: Type.Optional(
      Type.Object({ graceSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 604_800 })) }, closed),
    ),
    exchange: Type.Optional(ExchangeConfigSchema),
    store: Type.Optional(
      Type.Object({ maxBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 53 - 1 })) }, closed),
    ),
    export: Type.Optional(Type.Object({ directories: Type.Array(Type.String({ minLength: 1 })) }, closed)),
    seed: Type.Optional(Type.Object({ directories: Type.Array(Type.String({ minLength: 1 })) }, closed)),
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
export interface NodeConfig {
  readonly dataDir: string
  /** `name`: the name in the tracker's certificate, which signs records and grants. */
  readonly tracker: { readonly url: string; readonly name: string }
  readonly identity: IdentityConfig
  readonly p2p: { readonly listen: readonly string[]; readonly announce: readonly string[] }
  readonly control: { readonly socket: string }
  readonly disk: {
    /** Where the sockets of disks are. */
    readonly socketDirectory: string
    /** Where disks are offered with TLS, to whom; undefined: nowhere. */
    readonly tcp: { readonly listen: ListenAddress; readonly allow: readonly string[] } | undefined
    /** Bytes of what boots read that are kept ready. */
    readonly hoardBytes: number
  }
  readonly labels: Readonly<Record<string, string>>
  readonly grants: { readonly graceSeconds: number }
  /** Compression of answers, and limits. */
  readonly exchange: ExchangeConfig
  /** Stored bytes of blocks; undefined: as much as the disk has. */
  readonly store: { readonly maxBytes: number | undefined }
  readonly export: { readonly directories: readonly string[] }
  /** Where files may lie that become seeds. */
  readonly seed: { readonly directories: readonly string[] }
  readonly metrics: { readonly listen: ListenAddress } | undefined
  readonly log: { readonly level: string }
}

const DEFAULT_P2P_LISTEN = ['/ip4/0.0.0.0/tcp/4002']
/** Where libvirt keeps disks unless told otherwise. */
const DEFAULT_SEED_DIRECTORIES = ['/var/lib/libvirt/images']
const DEFAULT_SOCKET = '/run/bootswarm/node.sock'

/** Throws ConfigError, which names the file and the key, when it cannot be read or is wrong. */
export async function loadNodeConfig(path: string): Promise<NodeConfig> {
  return completed(await readConfigFile(path, NodeConfigSchema), path)
}

/** Reads the text of the file at `init.path`. Throws ConfigError. */
export function parseNodeConfig(text: string, init: { path: string }): NodeConfig {
  return completed(parseConfig(text, { ...init, schema: NodeConfigSchema }), init.path)
}

function completed(file: Static<typeof NodeConfigSchema>, path: string): NodeConfig {
  const absolute = (relative: string) => resolve(dirname(path), relative)
  const dataDir = absolute(file.dataDir)
  const socket = socketPath(absolute(file.control?.socket ?? DEFAULT_SOCKET), path)
  const socketDirectory = absolute(file.disk?.socketDirectory ?? join(dirname(socket), 'disks'))
  return {
    dataDir,
    tracker: { url: file.tracker.url, name: file.tracker.name ?? hostOf(file.tracker.url, path) },
    identity: resolveIdentity(file.identity, absolute),
    p2p: { listen: file.p2p?.listen ?? DEFAULT_P2P_LISTEN, announce: file.p2p?.announce ?? [] },
    control: { socket },
    disk: {
      ...{ socketDirectory, tcp: tcpOf(file.disk?.tcp) },
      hoardBytes: file.disk?.hoardBytes ?? HOARD_BYTES,
    },
    labels: (file.labels ?? {}) as Record<string, string>,
    grants: { graceSeconds: file.grants?.graceSeconds ?? GRANT_GRACE_S },
    exchange: resolveExchange(file.exchange, path),
    store: { maxBytes: file.store?.maxBytes },
    export: { directories: (file.export?.directories ?? [`${dataDir}/exports`]).map(absolute) },
    seed: { directories: (file.seed?.directories ?? DEFAULT_SEED_DIRECTORIES).map(absolute) },
    metrics: file.metrics === undefined ? undefined : { listen: parseListen(file.metrics.listen) },
    log: { level: file.log?.level ?? 'info' },
  }
}

function tcpOf(file: { listen: string; allow: string[] } | undefined): NodeConfig['disk']['tcp'] {
  return file && { listen: parseListen(file.listen), allow: file.allow }
}

function hostOf(url: string, path: string): string {
  if (!URL.canParse(url)) throw new ConfigError(`${path}: tracker.url: not a URL`)
  return new URL(url).hostname
}

function socketPath(socket: string, path: string): string {
  if (Buffer.byteLength(socket) <= SOCKET_PATH_BYTES_MAX) return socket
  throw new ConfigError(`${path}: control.socket: longer than ${SOCKET_PATH_BYTES_MAX} bytes`)
}
