import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { DiskObject, DiskState } from '../api/disk-schemas.ts'
import type { NodeClient } from '../api/node-client.ts'
import type { Clock } from '../core/clock.ts'
import { StateError } from '../core/errors.ts'
import { Limiter } from '../util/limiter.ts'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, type ListView, printList } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { type NbdNode, Virsh } from './virsh.ts'

/** Between two looks at a machine. */
const PAUSE_MS = 250
/** A disk that could not be brought back at once is tried again every 15 s. */
const PATIENCE_MS = 60_000
/** A machine that stops again has another reason, such as a full file system below its overlay: who looks after it sees to that. */
const RESUMES_MAX = 3
/** After the first of them; four times as long after each of the next. */
const RESUME_PAUSE_MS = 500
/** Calls of virsh at a time: one process each. */
const CALLS_MAX = 16

interface Flags extends FormatFlags, SettingFlags {
  readonly connect: string
}

/** A machine and what it reads. */
interface Machine {
  readonly uuid: string
  readonly domain: string
  readonly nodes: readonly NbdNode[]
  /** How often it was let go, and when it may be again. */
  resumes: number
  resumeAtMs: number
  /** Why nothing more is done about it. */
  trouble?: string
}

interface Resumed {
  readonly domain: string
  readonly disks: readonly string[]
  /** Whether it had been stopped, and runs again. */
  readonly resumed: boolean
}

const VIEW: ListView<Resumed> = {
  columns: [
    { title: 'machine', cell: ({ domain }) => domain },
    { title: 'disks', cell: ({ disks }) => disks.join(', ') },
    { title: 'state', cell: ({ resumed }) => (resumed ? 'goes on' : 'runs') },
  ],
  name: ({ domain }) => domain,
}

/** `bootswarm disk resume`: what a libvirt that does not know `reconnect` of NBD cannot tell QEMU to do by itself. */
export function addDiskResume(disk: Command, shell: Shell): void {
  const command = disk
    .command('resume')
    .description(
      'after a restart of the node: let machines of libvirt connect to their disks again, and go on where they were stopped',
    )
    .option('--connect <uri>', 'the libvirt of the machines', 'qemu:///system')
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [
    ['bootswarm disk resume', 'as root; bootswarm-resume.service does it after each start of the node'],
  ])
  command.action((flags: Flags) =>
    interruptible('run it again', (signal) =>
      withNode(shell, flags, async (client) => {
        const virsh = new Virsh({ uri: flags.connect }, { signal })
        const { resumed, troubles } = await new Resume({ client, virsh, clock: shell.clock, signal }).run()
        printList(shell, resumed, { ...flags, ...VIEW })
        if (troubles.length === 0) return
        throw new StateError(`not connected again, or still stopped: ${troubles.join('; ')}`, {
          data: { advice: ADVICE },
        })
      }),
    ),
  )
}

const ADVICE = 'bootswarm disk ls and bootswarm doctor say what their disks wait for; then run this again.'

interface ResumeComponents {
  client: Pick<NodeClient, 'disks'>
  virsh: Virsh
  clock: Clock
  signal: AbortSignal
}

/**
 * Machines whose QEMU does not connect again by itself: a read of QEMU for nobody makes the connection anew, and then those that were stopped are let go.
 * In this order, because a guest's read that makes the connection fails itself. What goes wrong with one machine is said of it at the end, and holds up no other.
 */
class Resume {
  readonly #components: ResumeComponents
  readonly #calls = new Limiter({ max: CALLS_MAX })
  readonly #troubles: string[] = []

  constructor(components: ResumeComponents) {
    this.#components = components
  }

  /** Machines that run, and what is wrong with the others. Errors: those of the node, and of virsh when it cannot list machines. */
  async run(): Promise<{ resumed: Resumed[]; troubles: string[] }> {
    const { clock, signal } = this.#components
    const machines = await this.#machines(await this.#disks())
    let left = machines
    for (const startedMs = clock.monotonic(); left.length > 0; ) {
      left = await this.#round(left)
      if (left.length === 0) break
      if (clock.monotonic() - startedMs > PATIENCE_MS) break
      await sleep(PAUSE_MS, undefined, { signal })
    }
    for (const machine of left) machine.trouble ??= 'its disks are not connected'
    const names = new Map((await this.#disks()).map(({ socket, name }) => [socket, name]))
    const here = await this.#stillHere(machines)
    for (const { domain, trouble } of here)
      if (trouble !== undefined) this.#troubles.push(`${domain} (${trouble})`)
    const resumed = here.filter(({ trouble }) => trouble === undefined)
    return {
      resumed: resumed.map(({ domain, nodes, resumes }) => ({
        domain,
        disks: nodes.flatMap(({ socket }) => names.get(socket) ?? []),
        resumed: resumes > 0,
      })),
      troubles: this.#troubles,
    }
  }

  async #disks(): Promise<DiskObject[]> {
    const { client, signal } = this.#components
    return await client.disks.list({ signal })
  }

  /** Those that have not ended meanwhile. */
  async #stillHere<T extends { uuid: string }>(machines: readonly T[]): Promise<T[]> {
    const now = new Set(await this.#components.virsh.domains())
    return machines.filter(({ uuid }) => now.has(uuid))
  }

  async #machines(disks: readonly DiskObject[]): Promise<Machine[]> {
    const { virsh } = this.#components
    const sockets = new Set(disks.map(({ socket }) => socket))
    const machines: Machine[] = []
    const unknown: { uuid: string; message: string }[] = []
    await this.#each(await virsh.domains(), async (uuid) => {
      try {
        if (!(await virsh.hasNbd(uuid))) return
        const nodes = (await virsh.nbdNodes(uuid)).filter(({ socket }) => sockets.has(socket))
        if (nodes.length === 0) return
        const domain = await virsh.nameOf(uuid)
        machines.push({ uuid, domain, nodes, resumes: 0, resumeAtMs: 0 })
      } catch (error) {
        unknown.push({ uuid, message: this.#messageOf(error) })
      }
    })
    for (const { uuid, message } of await this.#stillHere(unknown)) {
      const domain = await virsh.nameOf(uuid).catch(() => uuid)
      this.#troubles.push(`${domain} (${message})`)
    }
    return machines.sort((a, b) => (a.domain < b.domain ? -1 : 1))
  }

  /** Returns the machines that are not connected, or do not run. */
  async #round(machines: readonly Machine[]): Promise<Machine[]> {
    const states = new Map((await this.#disks()).map(({ socket, state }) => [socket, state]))
    await this.#eachMachine(machines, (machine) => this.#touch(machine, states))
    const wanted = new Map<string, number>()
    for (const { nodes, trouble } of machines)
      if (trouble === undefined)
        for (const { socket } of nodes) wanted.set(socket, (wanted.get(socket) ?? 0) + 1)
    const now = new Map((await this.#disks()).map(({ socket, connections }) => [socket, connections]))
    const left: Machine[] = []
    await this.#eachMachine(machines, async (machine) => {
      const connected = machine.nodes.every(
        ({ socket }) => (now.get(socket) ?? 0) >= (wanted.get(socket) ?? 0),
      )
      if (!connected || !(await this.#letGo(machine))) left.push(machine)
    })
    return left
  }

  /** QEMU stands still while it reads: a disk that waits is touched for a machine alone that is stopped anyway, and one that is not there never. */
  async #touch({ uuid, nodes }: Machine, states: ReadonlyMap<string, DiskState>): Promise<void> {
    const { virsh } = this.#components
    for (const node of nodes) {
      const state = states.get(node.socket)
      if (state === 'ready' || (state === 'stalled' && (await virsh.isStopped(uuid))))
        await virsh.touch(uuid, node)
    }
  }

  /** Whether it runs; else it is told to, a few times. */
  async #letGo(machine: Machine): Promise<boolean> {
    const { clock, virsh } = this.#components
    if (!(await virsh.isStopped(machine.uuid))) return true
    if (clock.monotonic() < machine.resumeAtMs) return false
    if (machine.resumes === RESUMES_MAX)
      throw new StateError(`stopped again ${RESUMES_MAX} times: virsh domblkerror says why`)
    machine.resumeAtMs = clock.monotonic() + RESUME_PAUSE_MS * 4 ** machine.resumes
    machine.resumes++
    await virsh.resume(machine.uuid)
    return false
  }

  /** Those with which something goes wrong are noted, and left out from then on. */
  async #eachMachine(machines: readonly Machine[], task: (machine: Machine) => Promise<void>): Promise<void> {
    const well = machines.filter(({ trouble }) => trouble === undefined)
    await this.#each(well, async (machine) => {
      try {
        await task(machine)
      } catch (error) {
        machine.trouble = this.#messageOf(error)
      }
    })
  }

  async #each<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
    await Promise.all(items.map((item) => this.#calls.run(() => task(item))))
  }

  #messageOf(error: unknown): string {
    this.#components.signal.throwIfAborted()
    return error instanceof Error ? error.message : String(error)
  }
}
