import { StateError } from '../core/errors.ts'
import { type RunOptions, runProgram } from '../util/run-program.ts'

const ADVICE =
  'Install it: apt install libvirt-clients (Debian, Ubuntu), dnf install libvirt-client (Fedora, RHEL).'
/** Characters of a message of virsh that are passed on. */
const MESSAGE_CHARS_MAX = 1000
/** One call: libvirt answers within milliseconds, unless QEMU does not answer it. */
const CALL_MS = 10_000
/** Of one answer: a node of QEMU takes 1 KiB, a chain of backups in a machine of many disks a thousand of them. */
const ANSWER_CHARS_MAX = 16 * 1024 * 1024

/** A block node of QEMU that reads a disk at a socket. */
export interface NbdNode {
  readonly node: string
  readonly socket: string
}

export interface VirshInit {
  readonly uri: string
  /** Time for one call, ms. */
  readonly callMs?: number
}

/**
 * The machines of one libvirt, named by their UUIDs: a name that is a number would be taken for that of a running machine. Errors: StateError with what virsh said,
 * or when it did not answer in time.
 */
export class Virsh {
  readonly #uri: string
  readonly #callMs: number
  readonly #options: RunOptions

  constructor({ uri, callMs = CALL_MS }: VirshInit, options: RunOptions) {
    this.#uri = uri
    this.#callMs = callMs
    this.#options = options
  }

  /** UUIDs of those that run or are paused. */
  async domains(): Promise<string[]> {
    const text = await this.#run('list', '--uuid')
    return text.split('\n').filter((line) => line !== '')
  }

  /** What people call it. */
  async nameOf(domain: string): Promise<string> {
    return (await this.#run('domname', domain)).trim()
  }

  /** Whether libvirt has given it a disk by NBD, which it knows without asking QEMU. */
  async hasNbd(domain: string): Promise<boolean> {
    return /protocol=['"]nbd['"]/.test(await this.#run('dumpxml', domain))
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
    const { signal } = this.#options
    const late = AbortSignal.timeout(this.#callMs)
    const tooLong = new AbortController()
    const ends = [late, tooLong.signal, ...(signal === undefined ? [] : [signal])]
    let stdout = ''
    const end = await runProgram(['virsh', '--connect', this.#uri, ...args], {
      signal: AbortSignal.any(ends),
      killSignal: 'SIGKILL',
      onStdout: (text) => {
        if (stdout.length + text.length <= ANSWER_CHARS_MAX) stdout += text
        else tooLong.abort()
      },
    })
    signal?.throwIfAborted()
    if (end === undefined) throw new StateError('virsh is not installed', { data: { advice: ADVICE } })
    if (end.code === 0 && !tooLong.signal.aborted) return stdout
    if (tooLong.signal.aborted) throw new StateError('virsh: the answer is too long')
    if (late.aborted) throw new StateError(`virsh ${args[0]}: no answer within ${this.#callMs / 1000} s`)
    const lines = end.stderr.split('\n').map((line) => line.replace(/^error: /, '').trim())
    const message = lines.filter((line) => line !== '').join('; ')
    throw new StateError(`virsh: ${message.slice(-MESSAGE_CHARS_MAX) || `ended with ${end.code}`}`)
  }
}
