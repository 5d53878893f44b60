import type { ChildProcess, SpawnOptions } from 'node:child_process'
import type { ProcessRef } from '../processes.ts'
import type { Topology } from './topology.ts'

/** How an arena is made: `namespaces` is the kernel's network with `tc tbf`, `loopback` is shaped by a process of ours. */
export type ArenaKind = 'namespaces' | 'loopback'

/** Bytes over a link since the arena was opened. In namespaces those of frames with their headers, on the loopback those of TCP payload. */
export interface Traffic {
  readonly sentBytes: number
  readonly receivedBytes: number
}

export interface SpawnedEnd {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it printed, the last megabyte; empty without `capture`. */
  readonly stdout: string
  readonly stderr: string
}

/** A program on a host of the arena. It ends with the arena at the latest. */
export interface ArenaProcess {
  readonly pid: number
  readonly process: ProcessRef
  /** Never rejects, save with the error of a program that could not be started. */
  readonly ended: Promise<SpawnedEnd>
  /** Signals its process group. */
  kill(signal?: NodeJS.Signals): void
}

export interface ArenaSpawnOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Standard output and standard error are appended to this file. */
  readonly logPath?: string
  /** Keeps what it prints for `ended`. */
  readonly capture?: boolean
}

export interface ArenaHost {
  readonly name: string
  /** IPv4: where others reach it. */
  readonly address: string
  /** IPv4: where its programs listen. The same as `address` in namespaces. */
  readonly listenAddress: string
  readonly rack: string
  readonly zone: string
  /** Makes a TCP port that a program of this host listens on, at `listenAddress`, reachable at `address`. Nothing to do in namespaces. */
  expose(port: number): Promise<void>
  /** Starts a program as leader of its own process group. */
  spawn(file: string, args: readonly string[], options?: ArenaSpawnOptions): ArenaProcess
  /** Like `spawn` of node:child_process, detached; for those who talk to the program by its pipes. */
  start(file: string, args: readonly string[], options: SpawnOptions): ChildProcess
  traffic(): Promise<Traffic>
}

export interface ArenaRack {
  readonly name: string
  readonly zone: string
  /** Over the uplink: sent is what left the rack. */
  traffic(): Promise<Traffic>
  /** Takes the uplink down: nothing leaves or enters the rack until `heal`. */
  cut(): Promise<void>
  heal(): Promise<void>
}

/** Hosts with links of their own. */
export interface Arena {
  readonly kind: ArenaKind
  readonly topology: Topology
  readonly hosts: readonly ArenaHost[]
  readonly racks: readonly ArenaRack[]
  /** What TCP of the hosts does about congestion: that of the system. */
  readonly congestionControl: string
  /** A directory for whatever runs in the arena, removed with it. */
  readonly dir: string
  /** Ends all processes and removes links and files. */
  close(): Promise<void>
}
