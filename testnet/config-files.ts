import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { stringify } from 'yaml'
import type { StartProgram } from './daemon.ts'
import { type Layout, nodeName, PUBLISHER_DN, TRACKER_NAME } from './layout.ts'

/** Ports that a daemon listens on; 0 at the first start, afterwards what it got, so that a restart keeps them. */
export interface Ports {
  readonly http: number
  readonly p2p: number
}

export const ANY_PORTS: Ports = { http: 0, p2p: 0 }

/** Where a peer listens and where others are told to dial, when a link (a relay, a throttle) lies between. */
export interface Link {
  /** TCP port of the loopback interface. */
  readonly listenPort: number
  /** Multiaddr that is announced instead of the listening one. */
  readonly announce: string
}

/** A host of an arena that a daemon runs on. */
export interface Place {
  /** Where others reach it. */
  readonly address: string
  /** Where it listens. */
  readonly listenAddress: string
  readonly rack: string
  readonly zone: string
  readonly start: StartProgram
  expose(port: number): Promise<void>
}

/** Ports on hosts of an arena: each has an address of its own. */
export const PLACED_PORTS = { http: 4000, trackerP2p: 4001, nodeP2p: 4002 }

function p2pConfig(port: number, link: Link | undefined): object {
  return {
    listen: [`/ip4/127.0.0.1/tcp/${link?.listenPort ?? port}`],
    announce: link === undefined ? [] : [link.announce],
  }
}

function placedP2p({ address, listenAddress }: Place, port: number): object {
  return { listen: [`/ip4/${listenAddress}/tcp/${port}`], announce: [`/ip4/${address}/tcp/${port}`] }
}

async function writeYaml(path: string, content: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, stringify(content, { aliasDuplicateObjects: false }), { mode: 0o600 })
}

export async function writeTrackerConfig(
  layout: Layout,
  init: { ports: Ports; link?: Link | undefined; place?: Place | undefined; more?: object | undefined },
): Promise<void> {
  const { ports, link, place, more } = init
  await mkdir(layout.data('tracker'), { recursive: true })
  await writeYaml(layout.config('tracker'), {
    dataDir: layout.data('tracker'),
    listen: place === undefined ? `127.0.0.1:${ports.http}` : `${place.listenAddress}:${PLACED_PORTS.http}`,
    identity: layout.identity('tracker'),
    p2p: place === undefined ? p2pConfig(ports.p2p, link) : placedP2p(place, PLACED_PORTS.trackerP2p),
    admins: [PUBLISHER_DN],
    log: { level: 'info' },
    ...more,
  })
}

/** What a node's configuration says beyond its name. */
export interface NodeConfigInit {
  readonly index: number
  readonly trackerUrl: string
  readonly p2pPort: number
  /** Where its store lies; default below the testnet's directory. */
  readonly dataDir?: string | undefined
  readonly link?: Link | undefined
  readonly place?: Place | undefined
  /** Keys in the place of ours. */
  readonly more?: object | undefined
}

/** Nodes stand in racks of four, two racks to a zone; in an arena where it has put them. */
function labelsOf({ index, place }: NodeConfigInit): Record<string, string> {
  if (place !== undefined) return { site: 'testnet', zone: place.zone, rack: place.rack }
  return { site: 'testnet', zone: `zone-${(index >> 3) + 1}`, rack: `rack-${(index >> 2) + 1}` }
}

export async function writeNodeConfig(layout: Layout, init: NodeConfigInit): Promise<void> {
  const name = nodeName(init.index)
  const dataDir = init.dataDir ?? layout.data(name)
  for (const dir of [dataDir, layout.data(name), layout.exports(name)]) await mkdir(dir, { recursive: true })
  await writeYaml(layout.config(name), {
    dataDir,
    tracker: { url: init.trackerUrl, name: TRACKER_NAME },
    identity: layout.identity(name),
    p2p:
      init.place === undefined
        ? p2pConfig(init.p2pPort, init.link)
        : placedP2p(init.place, PLACED_PORTS.nodeP2p),
    control: { socket: layout.socket(name) },
    labels: labelsOf(init),
    export: { directories: [layout.exports(name)] },
    // Nothing comes to a node that nobody has asked for.
    disk: { hoardBytes: 0 },
    log: { level: 'info' },
    ...init.more,
  })
}

/** Contexts of the command line, all as the publisher: one for each node, named after it, or `tracker` where there is none. */
export async function writeCliConfig(layout: Layout, trackerUrl: string, nodes: number): Promise<void> {
  const context = { tracker: { url: trackerUrl, name: TRACKER_NAME }, identity: layout.identity('publisher') }
  const contexts: Record<string, object> = nodes === 0 ? { tracker: context } : {}
  for (let index = 0; index < nodes; index++) {
    contexts[nodeName(index)] = { ...context, node: { socket: layout.socket(nodeName(index)) } }
  }
  await writeYaml(layout.cliConfig, { current: Object.keys(contexts)[0], contexts })
}
