import type { NodeClient } from '../src/api/node-client.ts'
import type { TrackerClient } from '../src/api/tracker-client.ts'
import type { IdentityPaths, Layout } from './layout.ts'
import type { ResidentMemory } from './processes.ts'

/** One daemon of a testnet: a process of its own. */
export interface DaemonHandle {
  readonly name: string
  /** libp2p peer ID. */
  readonly peer: string
  /** Process id of the latest start. */
  readonly pid: number
  readonly logPath: string
  alive(): boolean
  /** Undefined where the system does not say, or when it has ended. */
  resident(): ResidentMemory | undefined
  /** Sends a signal (default SIGKILL) and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** SIGTERM; resolves whether it ended in time by itself. */
  stop(): Promise<boolean>
  /** Starts it again, with the same data, identity and ports; ends it first if it runs. */
  restart(): Promise<void>
}

export interface TrackerHandle extends DaemonHandle {
  readonly url: string
  /** The name that its certificate and its signatures bear. */
  readonly serverName: string
  /** A client with the publisher's identity. The caller closes it. */
  client(): Promise<TrackerClient>
  /** A client with a new certificate, whose files `layout.identity(commonName)` names. The caller closes it. */
  clientAs(kind: 'node' | 'user', commonName: string): Promise<TrackerClient>
}

export interface NodeHandle extends DaemonHandle {
  /** Unix socket of its control API. */
  readonly socket: string
  /** Directory that it may export into. */
  readonly exports: string
  /** A client of its control API. The caller closes it. */
  client(): NodeClient
}

export interface CliResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running testnet: a real tracker and real nodes, each a process. */
export interface Testnet {
  readonly layout: Layout
  readonly seed: number
  readonly tracker: TrackerHandle
  readonly nodes: readonly NodeHandle[]
  /** Identity of a user who is an admin of the tracker. */
  readonly publisher: IdentityPaths
  /** Runs the real command line as the publisher; `context` names a node (default the first). */
  cli(args: readonly string[], options?: CliOptions): Promise<CliResult>
  /** Leaves everything running when this process ends. `openTestnet` finds it again. */
  detach(): void
  /** Stops every process and removes the directory. */
  destroy(): Promise<void>
}

export interface CliOptions {
  readonly context?: string
  readonly signal?: AbortSignal
  /** Hears what the command writes to standard error, as it comes. */
  onStderr?(text: string): void
}
