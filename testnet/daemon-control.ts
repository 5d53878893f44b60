import { StateError } from '../src/core/errors.ts'
import { type ReadyLine, type StartProgram, startDaemon } from './daemon.ts'
import { isAlive, type ProcessRef, signalGroup, stopProcess, waitForEnd } from './processes.ts'
import type { DaemonState } from './state.ts'

/** Time that a daemon gets to stop by itself. */
const STOP_GRACE_MS = 10_000

/** How one daemon is configured and started. */
export interface DaemonRecipe {
  readonly name: string
  readonly args: readonly string[]
  readonly logPath: string
  /** Default: on this machine. */
  readonly start?: StartProgram
  /** Writes its configuration; `before` is the last ready line, whose ports are to be kept. */
  configure(before: ReadyLine | undefined): Promise<void>
}

/** Starts, stops and starts again one daemon. */
export class DaemonControl {
  readonly recipe: DaemonRecipe
  /** Called after each start. */
  onStart: () => Promise<void> = async () => {}
  #spawned: ProcessRef | undefined
  #ready: ReadyLine | undefined
  #peer: string | undefined

  constructor(recipe: DaemonRecipe) {
    this.recipe = recipe
  }

  /** Control of a daemon that another process started. Its configuration has its ports already. */
  static adopt(recipe: DaemonRecipe, state: DaemonState): DaemonControl {
    const control = new DaemonControl({ ...recipe, configure: async () => {} })
    control.#spawned = state.process
    control.#peer = state.peer
    return control
  }

  get name(): string {
    return this.recipe.name
  }

  /** The latest process, whether it got ready or not. */
  get spawned(): ProcessRef | undefined {
    return this.#spawned
  }

  get process(): ProcessRef {
    if (this.#spawned === undefined) throw new StateError(`${this.name} was never started`)
    return this.#spawned
  }

  get ready(): ReadyLine {
    if (this.#ready === undefined) throw new StateError(`${this.name} was not started here`)
    return this.#ready
  }

  get peer(): string {
    return this.#peer ?? ''
  }

  get alive(): boolean {
    return this.#spawned !== undefined && isAlive(this.#spawned)
  }

  /** Starts it; afterwards its configuration has the ports that it got. */
  async start(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { configure, name, args, logPath, start } = this.recipe
    if (this.#ready === undefined) await configure(undefined)
    const started = await startDaemon(
      { name, args, logPath, ...(start === undefined ? {} : { start }) },
      {
        ...options,
        onSpawn: (process) => {
          this.#spawned = process
        },
      },
    )
    this.#ready = started.ready
    this.#peer = String(started.ready['peer'])
    await configure(started.ready)
    await this.onStart()
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    signalGroup(this.process, signal)
    if (!(await waitForEnd(this.process, STOP_GRACE_MS))) {
      throw new StateError(`${this.name} did not end on ${signal}`)
    }
  }

  stop(): Promise<boolean> {
    return stopProcess(this.process, STOP_GRACE_MS)
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }
}

/** The first TCP port in a list of multiaddrs; 0 when there is none. */
export function portOfAddresses(addresses: unknown): number {
  if (!Array.isArray(addresses)) return 0
  for (const address of addresses) {
    const port = /\/tcp\/(\d+)/.exec(String(address))?.[1]
    if (port !== undefined) return Number(port)
  }
  return 0
}
