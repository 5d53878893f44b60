import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BusyError, NotFoundError, UnsupportedError } from '../../src/core/errors.ts'
import { mapLimit } from '../concurrency.ts'
import { guard } from '../guard.ts'
import type { Arena, ArenaHost, ArenaRack, Traffic } from './arena.ts'
import { HostProcesses, spawnWith } from './host-processes.ts'
import { namespacesLack, runIp } from './ip.ts'
import { arenaStamp, deleteDevice, deleteNamespace, PROCESSES_FILE, sweepArenas } from './leftovers.ts'
import {
  driverAddress,
  fabricLines,
  fabricShaping,
  hostAddress,
  hostLines,
  hostPort,
  PREFIX_LENGTH,
  SLOTS,
  uplinkPort,
} from './namespace-fabric.ts'
import { bucketOf, tbfLine } from './shaping.ts'
import { checkTopology, type Topology } from './topology.ts'

const NAMESPACES_AT_ONCE = 4

/**
 * Each host a network namespace, each rack a bridge, bridges joined by uplinks through a core. Errors: UnsupportedError without root,
 * InvalidError, StateError with what `ip` or `tc` complains of.
 */
export async function openNamespaces(init: Topology): Promise<Arena> {
  const topology = checkTopology(init)
  const lack = namespacesLack()
  if (lack !== undefined) throw new UnsupportedError(lack)
  sweepArenas()
  const network = new NamespaceNetwork(topology)
  try {
    await network.open()
  } catch (error) {
    await network.close()
    throw error
  }
  return network.arena()
}

class NamespaceNetwork {
  readonly #topology: Topology
  readonly #stamp = arenaStamp()
  readonly #dir = join(tmpdir(), this.#stamp)
  readonly #processes = new HostProcesses(join(this.#dir, PROCESSES_FILE))
  readonly #namespaces: string[] = []
  readonly #release: () => void
  #slot = 0
  #driverDevice: string | undefined

  constructor(topology: Topology) {
    this.#topology = topology
    mkdirSync(this.#dir, { mode: 0o700 })
    this.#release = guard({
      dir: this.#dir,
      processes: () => this.#processes.all,
      release: () => this.#deleteNamespaces(),
    })
  }

  get #fabric(): string {
    return `${this.#stamp}-net`
  }

  #namespaceOf(index: number): string {
    return `${this.#stamp}-h${index}`
  }

  async open(): Promise<void> {
    const { hosts } = this.#topology
    await this.#add(this.#fabric)
    for (let i = 0; i < hosts.length; i++) await this.#add(this.#namespaceOf(i))
    await runIp(
      'ip',
      ['-n', this.#fabric],
      fabricLines(this.#topology, (i) => this.#namespaceOf(i)),
    )
    await this.#joinDriver()
    await mapLimit(hosts, NAMESPACES_AT_ONCE, async (host, i) => {
      const at = ['-n', this.#namespaceOf(i)]
      await runIp('ip', at, hostLines(hostAddress(this.#slot, i)))
      await runIp('tc', at, [tbfLine('eth0', bucketOf(host.upBitsPerSecond))])
    })
    await runIp('tc', ['-n', this.#fabric], fabricShaping(this.#topology))
  }

  async #add(namespace: string): Promise<void> {
    this.#namespaces.push(namespace)
    await runIp('ip', ['netns', 'add', namespace])
  }

  /** A device of the driver on the core switch. Its name is that of the arena's addresses: the kernel lets only one arena have it. */
  async #joinDriver(): Promise<void> {
    for (let slot = process.pid % SLOTS, tries = 0; ; slot = (slot + 1) % SLOTS, tries++) {
      const device = `bsa${slot}`
      try {
        const peer = `peer name driver netns ${this.#fabric}`
        await runIp('ip', [], [`link add ${device} type veth ${peer}`])
      } catch (error) {
        if (!String(error).includes('File exists')) throw error
        if (tries === SLOTS) throw new BusyError('all addresses for arenas are taken')
        continue
      }
      this.#slot = slot
      this.#driverDevice = device
      const address = `${driverAddress(slot)}/${PREFIX_LENGTH}`
      await runIp(
        'ip',
        [],
        [
          `link set ${device} addrgenmode none`,
          `address add ${address} dev ${device}`,
          `link set ${device} up`,
        ],
      )
      await runIp('ip', ['-n', this.#fabric], ['link set driver addrgenmode none master core up'])
      return
    }
  }

  arena(): Arena {
    const { racks } = this.#topology
    return {
      kind: 'namespaces',
      topology: this.#topology,
      dir: this.#dir,
      congestionControl: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
      hosts: this.#topology.hosts.map((_, i) => this.#host(i)),
      racks: racks.map((_, i) => this.#rack(i)),
      close: () => this.close(),
    }
  }

  #host(index: number): ArenaHost {
    const spec = this.#topology.hosts[index]
    const rack = this.#topology.racks.find(({ name }) => name === spec?.rack)
    if (spec === undefined || rack === undefined) throw new NotFoundError(`there is no host ${index}`)
    const address = hostAddress(this.#slot, index)
    const into = ['nsenter', `--net=/run/netns/${this.#namespaceOf(index)}`, '--'] as const
    const start: ArenaHost['start'] = (file, args, options) => {
      const env = { ...(options.env ?? process.env) }
      env['PATH'] = `${env['PATH'] ?? ''}:/usr/sbin:/sbin`
      return this.#processes.start([...into, file, ...args], { ...options, env })
    }
    return {
      name: spec.name,
      ...{ address, listenAddress: address },
      ...{ rack: rack.name, zone: rack.zone },
      expose: async () => {},
      start,
      spawn: (file, args, options) => spawnWith((more) => start(file, args, more), file, options),
      traffic: () => this.#traffic(hostPort(index)),
    }
  }

  #rack(index: number): ArenaRack {
    const { name = '', zone = '' } = this.#topology.racks[index] ?? {}
    const port = uplinkPort(index)
    const set = async (state: string) => {
      await runIp('ip', ['-n', this.#fabric, 'link', 'set', port, state])
    }
    return {
      ...{ name, zone },
      // The rack's end of the uplink sends what leaves the rack, so it is the other way round than at a host's port.
      traffic: async () => {
        const { sentBytes, receivedBytes } = await this.#traffic(port)
        return { sentBytes: receivedBytes, receivedBytes: sentBytes }
      },
      cut: () => set('down'),
      heal: () => set('up'),
    }
  }

  /** Of the switch's end of a link: what it received is what the host has sent, after the bucket. */
  async #traffic(device: string): Promise<Traffic> {
    const text = await runIp('ip', ['-n', this.#fabric, '-s', '-j', 'link', 'show', 'dev', device])
    const [link] = JSON.parse(text) as { stats64: Record<'rx' | 'tx', { bytes: number }> }[]
    if (link === undefined) throw new NotFoundError(`${device} is gone`)
    return { sentBytes: link.stats64.rx.bytes, receivedBytes: link.stats64.tx.bytes }
  }

  #deleteNamespaces(): void {
    // With its namespace it would go as well, but some time later.
    if (this.#driverDevice !== undefined) deleteDevice(this.#driverDevice)
    this.#driverDevice = undefined
    for (const namespace of this.#namespaces.splice(0)) deleteNamespace(namespace)
  }

  async close(): Promise<void> {
    await this.#processes.endAll()
    this.#deleteNamespaces()
    this.#release()
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3 })
  }
}
