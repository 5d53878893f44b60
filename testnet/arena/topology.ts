import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { InvalidError } from '../../src/core/errors.ts'
import { checkRate } from './rates.ts'

/** Hosts that one bridge of one machine can join; more belong in the simulator. */
export const ARENA_HOSTS_MAX = 256
export const ARENA_RACKS_MAX = 64

const closed = { additionalProperties: false }
/** Part of names of namespaces and of files. */
const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$' })
const Rate = Type.Integer({ description: 'bits per second' })

/** A rack: hosts on one switch. All that leaves or enters it shares the uplink. */
const RackSchema = Type.Object(
  {
    name: Name,
    zone: Name,
    /** Of each direction of the uplink; without it the uplink is as fast as the machine. */
    uplinkBitsPerSecond: Type.Optional(Rate),
  },
  closed,
)

const HostSchema = Type.Object(
  {
    name: Name,
    rack: Name,
    /** What the host sends. */
    upBitsPerSecond: Rate,
    /** What the host receives. */
    downBitsPerSecond: Rate,
  },
  closed,
)

/** The network of an arena, as data. */
export const TopologySchema = Type.Object(
  {
    racks: Type.Array(RackSchema, { minItems: 1, maxItems: ARENA_RACKS_MAX }),
    hosts: Type.Array(HostSchema, { minItems: 1, maxItems: ARENA_HOSTS_MAX }),
  },
  closed,
)

export type Topology = Static<typeof TopologySchema>
export type RackSpec = Topology['racks'][number]
export type HostSpec = Topology['hosts'][number]

/** Checks what may have come from a file. Throws InvalidError that says what is wrong where. */
export function checkTopology(value: unknown): Topology {
  if (!Value.Check(TopologySchema, value)) {
    const first = Value.Errors(TopologySchema, value).First()
    throw new InvalidError(`topology: ${first?.path || '/'}: ${first?.message ?? 'wrong form'}`)
  }
  const racks = new Set(value.racks.map(({ name }) => name))
  if (racks.size !== value.racks.length) throw new InvalidError('topology: two racks have the same name')
  if (new Set(value.hosts.map(({ name }) => name)).size !== value.hosts.length) {
    throw new InvalidError('topology: two hosts have the same name')
  }
  for (const rack of value.racks) {
    if (rack.uplinkBitsPerSecond !== undefined) checkRate(rack.uplinkBitsPerSecond, `uplink of ${rack.name}`)
  }
  for (const host of value.hosts) {
    if (!racks.has(host.rack)) throw new InvalidError(`topology: ${host.name} is in a rack that is not there`)
    checkRate(host.upBitsPerSecond, `upload of ${host.name}`)
    checkRate(host.downBitsPerSecond, `download of ${host.name}`)
  }
  return value
}

export interface UniformInit {
  /** Hosts that receive, named `node-1` on. */
  readonly nodes: number
  /** Of each direction of each host. */
  readonly bitsPerSecond: number
  /** Racks that the nodes are dealt to, as evenly as they go, in order; default 1. */
  readonly racks?: number
  readonly uplinkBitsPerSecond?: number
  /** Nodes with links of their own, by index. */
  readonly odd?: Readonly<
    Record<number, { readonly upBitsPerSecond: number; readonly downBitsPerSecond: number }>
  >
}

export const ORIGIN_HOST = 'origin'

/** An origin in the first rack, and nodes with the same link as it; two racks to a zone. */
export function uniformTopology(init: UniformInit): Topology {
  const { nodes, bitsPerSecond, racks = 1, uplinkBitsPerSecond, odd = {} } = init
  const uplink = uplinkBitsPerSecond === undefined ? {} : { uplinkBitsPerSecond }
  const link = { upBitsPerSecond: bitsPerSecond, downBitsPerSecond: bitsPerSecond }
  return checkTopology({
    racks: Array.from({ length: racks }, (_, i) => ({
      name: rackName(i),
      zone: `zone-${(i >> 1) + 1}`,
      ...uplink,
    })),
    hosts: [
      { name: ORIGIN_HOST, rack: rackName(0), ...link },
      ...Array.from({ length: nodes }, (_, i) => ({
        name: `node-${i + 1}`,
        rack: rackName(Math.floor((i * racks) / nodes)),
        ...link,
        ...odd[i],
      })),
    ],
  })
}

function rackName(index: number): string {
  return `rack-${index + 1}`
}
