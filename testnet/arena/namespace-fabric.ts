import { bucketOf, tbfLine } from './shaping.ts'
import type { Topology } from './topology.ts'

/** Hosts of one arena have the addresses from 2 on in their network; 1 is the driver's. */
const FIRST_HOST = 2
/** 198.18.0.0/15 is for measurements of networks (RFC 2544): nobody routes it. Each arena has 512 addresses of it. */
export const SLOTS = 256
export const PREFIX_LENGTH = 23

export function addressOf(slot: number, number: number): string {
  const value = slot * 512 + number
  return `198.${18 + (value >> 16)}.${(value >> 8) & 255}.${value & 255}`
}

export const hostAddress = (slot: number, index: number) => addressOf(slot, FIRST_HOST + index)
export const driverAddress = (slot: number) => addressOf(slot, 1)

/** Names of devices in the namespace of the switches; each arena has its own, so they never collide. */
export const hostPort = (index: number) => `h${index}`
const bridge = (index: number) => `rack${index}`
/** The rack's end of its uplink: what it sends enters the rack. */
export const uplinkPort = (index: number) => `up${index}`
const corePort = (index: number) => `core${index}`

/** What makes the switches, for `ip -batch` in their namespace. `namespaceOf` names the namespace of each host. */
export function fabricLines(topology: Topology, namespaceOf: (index: number) => string): string[] {
  const lines = ['link add core type bridge', 'link set core addrgenmode none up']
  topology.racks.forEach((_, i) => {
    lines.push(
      `link add ${bridge(i)} type bridge`,
      `link set ${bridge(i)} addrgenmode none up`,
      `link add ${uplinkPort(i)} type veth peer name ${corePort(i)}`,
      `link set ${uplinkPort(i)} addrgenmode none master ${bridge(i)} up`,
      `link set ${corePort(i)} addrgenmode none master core up`,
    )
  })
  topology.hosts.forEach((host, i) => {
    const rack = topology.racks.findIndex(({ name }) => name === host.rack)
    lines.push(
      `link add ${hostPort(i)} type veth peer name eth0 netns ${namespaceOf(i)}`,
      `link set ${hostPort(i)} addrgenmode none master ${bridge(rack)} up`,
    )
  })
  return lines
}

/** What shapes downloads and uplinks, for `tc -batch` in the namespace of the switches: a device shapes what it sends. */
export function fabricShaping(topology: Topology): string[] {
  const uplinks = topology.racks.flatMap(({ uplinkBitsPerSecond: rate }, i) => {
    if (rate === undefined) return []
    // The rack's end sends into the core what leaves the rack, and the core's end what enters it.
    return [uplinkPort(i), corePort(i)].map((device) => tbfLine(device, bucketOf(rate)))
  })
  const downloads = topology.hosts.map((host, i) => tbfLine(hostPort(i), bucketOf(host.downBitsPerSecond)))
  return [...uplinks, ...downloads]
}

/** For `ip -batch` in the namespace of a host. */
export function hostLines(address: string): string[] {
  return [
    'link set lo up',
    'link set eth0 addrgenmode none',
    `address add ${address}/${PREFIX_LENGTH} dev eth0`,
    'link set eth0 up',
  ]
}
