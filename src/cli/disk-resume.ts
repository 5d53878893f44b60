import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { DiskObject } from '../api/disk-schemas.ts'
import type { NodeClient } from '../api/node-client.ts'
import { StateError } from '../core/errors.ts'
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

interface Flags extends FormatFlags, SettingFlags {
  readonly connect: string
}

/** A machine and what it reads. */
interface Machine {
  readonly domain: string
  readonly nodes: readonly NbdNode[]
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
        const work = new Resume({
          client,
          virsh: new Virsh({ uri: flags.connect }, { signal }),
          shell,
          signal,
        })
        printList(shell, await work.run(), { ...flags, ...VIEW })
      }),
    ),
  )
}

interface ResumeComponents {
  client: NodeClient
  virsh: Virsh
  shell: Shell
  signal: AbortSignal
}

/**
 * Machines whose QEMU does not connect again by itself: a read of QEMU for nobody makes the connection anew, and then those that were stopped are let go.
 * In this order, because a guest's read that makes the connection fails itself.
 */
class Resume {
  readonly #components: ResumeComponents
  readonly #stopped = new Set<string>()

  constructor(components: ResumeComponents) {
    this.#components = components
  }

  /** Errors: StateError when some do not run after PATIENCE_MS, and those of virsh and the node. */
  async run(): Promise<Resumed[]> {
    const { clock } = this.#components.shell
    const machines = await this.#machines(await this.#disks())
    let left = machines
    for (const startedMs = clock.monotonic(); left.length > 0; ) {
      left = await this.#round(left)
      if (left.length === 0) break
      if (clock.monotonic() - startedMs > PATIENCE_MS) {
        const names = left.map(({ domain }) => domain).join(', ')
        const advice =
          'bootswarm disk ls and bootswarm doctor say what their disks wait for; then run this again.'
        throw new StateError(`not connected again, or still stopped: ${names}`, { data: { advice } })
      }
      await sleep(PAUSE_MS, undefined, { signal: this.#components.signal })
    }
    const names = new Map((await this.#disks()).map(({ socket, name }) => [socket, name]))
    return machines.map(({ domain, nodes }) => ({
      domain,
      disks: nodes.flatMap(({ socket }) => names.get(socket) ?? []),
      resumed: this.#stopped.has(domain),
    }))
  }

  async #disks(): Promise<DiskObject[]> {
    const { client, signal } = this.#components
    return await client.disks.list({ signal })
  }

  async #machines(disks: readonly DiskObject[]): Promise<Machine[]> {
    const { virsh } = this.#components
    const sockets = new Set(disks.map(({ socket }) => socket))
    const machines: Machine[] = []
    for (const domain of await virsh.domains()) {
      const all = await virsh.nbdNodes(domain)
      const nodes = all.filter(({ socket }) => sockets.has(socket))
      if (nodes.length > 0) machines.push({ domain, nodes })
    }
    return machines
  }

  /** Returns the machines that are not connected, or do not run. */
  async #round(machines: readonly Machine[]): Promise<Machine[]> {
    const { virsh } = this.#components
    // QEMU stands still while it reads: only what answers is touched.
    const ready = new Map((await this.#disks()).filter(isReady).map((disk) => [disk.socket, disk]))
    const wanted = new Map<string, number>()
    for (const { domain, nodes } of machines)
      for (const node of nodes) {
        wanted.set(node.socket, (wanted.get(node.socket) ?? 0) + 1)
        if (ready.has(node.socket)) await virsh.touch(domain, node)
      }
    const now = new Map((await this.#disks()).map(({ socket, connections }) => [socket, connections]))
    const left: Machine[] = []
    for (const machine of machines) {
      const { domain, nodes } = machine
      const connected = nodes.every(({ socket }) => (now.get(socket) ?? 0) >= (wanted.get(socket) ?? 0))
      if (!connected) left.push(machine)
      else if (await virsh.isStopped(domain)) {
        this.#stopped.add(domain)
        await virsh.resume(domain)
        left.push(machine)
      }
    }
    return left
  }
}

function isReady({ state, reason }: DiskObject): boolean {
  return state === 'ready' && reason === undefined
}
