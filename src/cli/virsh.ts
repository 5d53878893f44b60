import { StateError } from '../core/errors.ts'
import { type RunOptions, runProgram } from '../util/run-program.ts'

const ADVICE =
  'Install it: apt install libvirt-clients (Debian, Ubuntu), dnf install libvirt-client (Fedora, RHEL).'
/** Characters of a message of virsh that are passed on. */
const MESSAGE_CHARS_MAX = 1000

/** A block node of QEMU that reads a disk at a socket. */
export interface NbdNode {
  readonly node: string
  readonly socket: string
}

/** The machines of one libvirt. Errors: StateError with what virsh said. */
export class Virsh {
  readonly #uri: string
  readonly #options: RunOptions

  constructor(init: { uri: string }, options: RunOptions) {
    this.#uri = init.uri
    this.#options = options
  }

  /** Names of those that run or are paused. */
  async domains(): Promise<string[]> {
    const text = await this.#run('list', '--name')
    return text.split('\n').filter((line) => line !== '')
  }

  /** A read has failed, and QEMU has stopped the machine rather than tell it. */
  async isStopped(domain: string): Promise<boolean> {
    return (await this.#run('domstate', '--reason', domain)).startsWith('paused (I/O error)')
  }

  async resume(domain: string): Promise<void> {
    await this.#run('resume', domain)
  }

  async nbdNodes(domain: string): Promise<NbdNode[]> {
    const query = { execute: 'query-named-block-nodes', arguments: { flat: true } }
    const text = await this.#run('qemu-monitor-command', domain, JSON.stringify(query))
    const { return: nodes } = JSON.parse(text) as {
      return: { 'node-name': string; drv: string; file: string }[]
    }
    return nodes.flatMap(({ 'node-name': node, drv, file }) => {
      const socket = drv === 'nbd' && URL.canParse(file) ? new URL(file).searchParams.get('socket') : null
      return socket === null ? [] : [{ node, socket }]
    })
  }

  /** Reads the first bytes of a disk as QEMU does, and not for the guest: one that has lost its connection makes another. Whether they came is not said. */
  async touch(domain: string, { node }: NbdNode): Promise<void> {
    await this.#run('qemu-monitor-command', domain, '--hmp', `qemu-io ${node} "read 0 512"`)
  }

  async #run(...args: readonly string[]): Promise<string> {
    const end = await runProgram(['virsh', '--connect', this.#uri, ...args], this.#options)
    this.#options.signal?.throwIfAborted()
    if (end === undefined) throw new StateError('virsh is not installed', { data: { advice: ADVICE } })
    if (end.code === 0) return end.stdout
    const message = end.stderr
      .trim()
      .replace(/^error: /, '')
      .slice(-MESSAGE_CHARS_MAX)
    throw new StateError(`virsh: ${message || `ended with ${end.code}`}`)
  }
}
