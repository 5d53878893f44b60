import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AbortedError, InternalError, StateError, TimeoutError } from '../src/core/errors.ts'
import { type ProcessRef, processRef, signalGroup } from './processes.ts'

/** Time from start to the ready line; generous, for eight daemons that start at once on two cores. */
const READY_TIMEOUT_MS = 60_000
const READY_LINE_BYTES_MAX = 64 * 1024
const LOG_TAIL_LINES = 20

/** Like `spawn` of node:child_process, of a program that leads its process group; on a host of an arena, for example. */
export type StartProgram = (file: string, args: readonly string[], options: SpawnOptions) => ChildProcess

/** Starts on this machine, as leader of its own process group. */
export const startHere: StartProgram = (file, args, options) =>
  spawn(file, args, { ...options, detached: true })

/** The one JSON line that a daemon prints when it is ready. */
export type ReadyLine = Readonly<Record<string, unknown>>

export interface DaemonInit {
  /** For messages: `tracker`, `node-1`. */
  readonly name: string
  /** Arguments of `bootswarm`. */
  readonly args: readonly string[]
  /** Standard error is appended to this file. */
  readonly logPath: string
  /** Default: on this machine. */
  readonly start?: StartProgram
}

export interface StartedDaemon {
  readonly process: ProcessRef
  readonly ready: ReadyLine
}

/** The launcher: it starts daemons as an operator would, from sources or from what `npm run build` made. */
export function programPath(): string {
  const root = import.meta.url.endsWith('.ts') ? '..' : '../..'
  return fileURLToPath(new URL(`${root}/scripts/bootswarm.js`, import.meta.url))
}

/**
 * Starts a daemon as the leader of its own process group and waits for its ready line.
 * Throws StateError with the end of its log when it ends first, TimeoutError when it says nothing.
 * `onSpawn` hears of the process before it is ready, so that nobody has to search for it after a failure.
 */
export async function startDaemon(
  init: DaemonInit,
  options: { signal?: AbortSignal; onSpawn?(process: ProcessRef): void } = {},
): Promise<StartedDaemon> {
  if (options.signal?.aborted === true) throw new AbortedError(`start of ${init.name} was stopped`)
  const child = spawnDaemon(init)
  if (child.pid === undefined) throw new InternalError(`${init.name} did not start`)
  const ref = processRef(child.pid)
  options.onSpawn?.(ref)
  try {
    const ready = await readyLine(child, init, options.signal)
    return { process: ref, ready }
  } catch (error) {
    signalGroup(ref, 'SIGKILL')
    throw error
  } finally {
    child.stdout?.destroy()
    child.unref()
  }
}

function spawnDaemon(init: DaemonInit): ChildProcess {
  const log = openSync(init.logPath, 'a', 0o600)
  try {
    const start = init.start ?? startHere
    return start(process.execPath, [programPath(), ...init.args], { stdio: ['ignore', 'pipe', log] })
  } finally {
    closeSync(log)
  }
}

function readyLine(child: ChildProcess, init: DaemonInit, signal?: AbortSignal): Promise<ReadyLine> {
  const { promise, resolve, reject } = Promise.withResolvers<ReadyLine>()
  let text = ''
  const fail = (why: string) => reject(new StateError(`${init.name} ${why}${logTail(init.logPath)}`))
  const timer = setTimeout(() => {
    const seconds = READY_TIMEOUT_MS / 1000
    reject(new TimeoutError(`${init.name} was not ready after ${seconds} s${logTail(init.logPath)}`))
  }, READY_TIMEOUT_MS)
  const onAbort = () => reject(new AbortedError(`start of ${init.name} was stopped`))
  signal?.addEventListener('abort', onAbort, { once: true })
  child.once('error', (cause) => reject(new StateError(`${init.name} could not be started`, { cause })))
  child.once('exit', (code, killedBy) => fail(`ended before it was ready (${killedBy ?? `exit ${code}`})`))
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    if (text.length > READY_LINE_BYTES_MAX) return fail('printed too long a ready line')
    if (!text.includes('\n')) return
    const ready = parseReady(text.slice(0, text.indexOf('\n')))
    if (ready === undefined) fail(`printed no ready line but: ${text.slice(0, 200)}`)
    else resolve(ready)
  })
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  })
}

function parseReady(line: string): ReadyLine | undefined {
  try {
    const ready: unknown = JSON.parse(line)
    return typeof ready === 'object' && ready !== null && 'ready' in ready ? (ready as ReadyLine) : undefined
  } catch {
    return undefined
  }
}

/** The last lines of a log, led by a line that says so; empty when there are none. */
export function logTail(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return ''
  }
  const lines = text.trimEnd().split('\n').slice(-LOG_TAIL_LINES)
  return lines.join('').length === 0 ? '' : `\nThe end of ${path}:\n  ${lines.join('\n  ')}`
}
