import type { ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InternalError, NotFoundError, StateError, UnsupportedError } from '../../../src/core/errors.ts'
import { guard } from '../../guard.ts'
import type { Arena, ArenaHost, ArenaRack, Traffic } from '../arena.ts'
import { HostProcesses, spawnWith } from '../host-processes.ts'
import { arenaStamp, PROCESSES_FILE, sweepArenas } from '../leftovers.ts'
import { checkTopology, type Topology } from '../topology.ts'
import { addressesOf } from './addresses.ts'
import type { ShaperAnswer, ShaperOrder } from './messages.ts'
import type { LinkCounters } from './shaped-network.ts'

const NONE: Traffic = { sentBytes: 0, receivedBytes: 0 }

/**
 * Hosts that are addresses of the loopback interface, with links that a process of ours shapes: no root needed, and nothing to be said
 * of real networks. Errors: UnsupportedError where not all of 127.0.0.0/8 is this machine, InvalidError.
 */
export async function openLoopback(init: Topology): Promise<Arena> {
  const topology = checkTopology(init)
  if (process.platform !== 'linux')
    throw new UnsupportedError('arenas need Linux, also on the loopback interface')
  sweepArenas()
  const network = new LoopbackNetwork(topology)
  try {
    return await network.open()
  } catch (error) {
    await network.close()
    throw error
  }
}

class LoopbackNetwork {
  readonly #topology: Topology
  readonly #dir = join(tmpdir(), arenaStamp())
  readonly #processes: HostProcesses
  readonly #release: () => void
  readonly #waiting = new Map<number, PromiseWithResolvers<ShaperAnswer>>()
  readonly #shaper: ChildProcess
  #nextId = 1
  #slot = 0

  constructor(topology: Topology) {
    this.#topology = topology
    mkdirSync(this.#dir, { mode: 0o700 })
    this.#processes = new HostProcesses(join(this.#dir, PROCESSES_FILE))
    this.#release = guard({ dir: this.#dir, processes: () => this.#processes.all })
    const file = import.meta.url.endsWith('.ts') ? './shaper.ts' : './shaper.js'
    const program = fileURLToPath(new URL(file, import.meta.url))
    this.#shaper = this.#processes.start([process.execPath, program], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#shaper.on('message', (answer: ShaperAnswer) => this.#answered(answer))
    this.#shaper.on('exit', () => this.#fail(new StateError('the process that shapes links has ended')))
    this.#shaper.on('error', (cause) => this.#fail(new StateError('links cannot be shaped', { cause })))
  }

  async open(): Promise<Arena> {
    const { slot } = await this.#ask({ order: 'open', topology: this.#topology })
    this.#slot = slot ?? 0
    return {
      kind: 'loopback',
      topology: this.#topology,
      dir: this.#dir,
      congestionControl: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
      hosts: this.#topology.hosts.map((_, i) => this.#host(i)),
      racks: this.#topology.racks.map((_, i) => this.#rack(i)),
      close: () => this.close(),
    }
  }

  #host(index: number): ArenaHost {
    const spec = this.#topology.hosts[index]
    const rack = this.#topology.racks.find(({ name }) => name === spec?.rack)
    if (spec === undefined || rack === undefined) throw new NotFoundError(`there is no host ${index}`)
    const start: ArenaHost['start'] = (file, args, options) => {
      return this.#processes.start([file, ...args], options, ({ pid }) => {
        this.#ask({ order: 'started', host: index, group: pid }).catch(() => {})
      })
    }
    return {
      name: spec.name,
      ...addressesOf(this.#slot, index),
      ...{ rack: rack.name, zone: rack.zone },
      expose: async (port) => {
        await this.#ask({ order: 'expose', host: index, port })
      },
      start,
      spawn: (file, args, options) => spawnWith((more) => start(file, args, more), file, options),
      traffic: async () => (await this.#counters()).hosts[index] ?? NONE,
    }
  }

  #rack(index: number): ArenaRack {
    const { name = '', zone = '' } = this.#topology.racks[index] ?? {}
    const set = async (isCut: boolean) => {
      await this.#ask({ order: 'cut', rack: name, isCut })
    }
    return {
      ...{ name, zone },
      traffic: async () => (await this.#counters()).racks[index] ?? NONE,
      cut: () => set(true),
      heal: () => set(false),
    }
  }

  async #counters(): Promise<LinkCounters> {
    const { counters } = await this.#ask({ order: 'counters' })
    if (counters === undefined) throw new InternalError('the shaper gave no counters')
    return counters
  }

  #ask(order: ShaperOrder): Promise<ShaperAnswer> {
    const id = this.#nextId++
    const waiting = Promise.withResolvers<ShaperAnswer>()
    this.#waiting.set(id, waiting)
    this.#shaper.send({ id, ...order }, (error) => {
      if (error !== null) this.#answered({ id, error: error.message })
    })
    return waiting.promise
  }

  #answered(answer: ShaperAnswer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (answer.error === undefined) waiting?.resolve(answer)
    else waiting?.reject(new StateError(`shaped links: ${answer.error}`))
  }

  #fail(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
  }

  async close(): Promise<void> {
    await this.#processes.endAll()
    this.#release()
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3 })
  }
}
