import type { Finding } from '../api/finding.ts'
import type { NodeEnrolment } from '../api/node-schemas.ts'
import type { Clock } from '../core/clock.ts'
import { AbortedError, exitCodeOf } from '../core/errors.ts'

/** Where a command reads its surroundings and writes what it has to say. Data goes to `stdout`, the rest to `stderr`. */
export interface Terminal {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether a person can answer a question. */
  readonly canAsk: boolean
}

/** The part of a writable stream that commands use; `process.stdout` is one. */
export interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Where a program keeps what. Paths are absolute. */
export interface ServicePlaces {
  readonly dataDir: string
  /** Directories besides the data that it writes into. */
  readonly writable: readonly string[]
  /** Files besides the configuration that it reads, where whoever installs it may have closed them to others; keys are not among them. */
  readonly readable?: readonly string[]
  /** Of a node: its control socket, and the directory of those of disks. */
  readonly sockets?: { readonly control: string; readonly disks: string }
}

/** Programs that the command line starts but may not import; the bin entry brings them. Those that run return the exit code. */
export interface Programs {
  /** Makes the files of a new tracker; returns the path of its configuration. */
  initTracker(init: {
    dir: string
    admins: readonly string[]
    listen?: string
    certificate?: string
    key?: string
    ca?: string
  }): Promise<string>
  serveTracker(init: { config: string }): Promise<number>
  serveNode(init: { config: string }): Promise<number>
  /** Enrols the node of a configuration that need not run. */
  enrolNode(init: { config: string }): Promise<NodeEnrolment>
  /** Looks at everything that the node of a configuration needs of its host. */
  examineNode(init: { config: string; clock: Clock }): Promise<Finding[]>
  /** Where the program of a configuration keeps what. */
  servicePlaces(init: { program: 'node' | 'tracker'; config: string }): Promise<ServicePlaces>
  runTestnet(argv: string[]): Promise<number>
}

/** What every command gets. */
export interface Shell {
  readonly terminal: Terminal
  readonly programs: Programs
  readonly clock: Clock
  /** Exit code of the process when the command does not throw. */
  exitCode: number
}

/**
 * Runs `work` with a signal that Ctrl-C and SIGTERM abort; a second one ends the process at once.
 * @param resume what the user can do to go on, said when the work was stopped
 * Errors: those of `work`; AbortedError when it was stopped.
 */
export async function interruptible<T>(
  resume: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) process.exit(exitCodeOf(controller.signal.reason))
    controller.abort(new AbortedError('stopped'))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    return await work(controller.signal)
  } catch (cause) {
    if (controller.signal.aborted) throw new AbortedError(`stopped; ${resume}`, { cause })
    throw cause
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}
