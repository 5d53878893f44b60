import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { appendFileSync, closeSync, openSync } from 'node:fs'
import { InternalError, StateError } from '../../src/core/errors.ts'
import { isAlive, type ProcessRef, processRef, signalGroup, waitForEnd } from '../processes.ts'
import type { ArenaProcess, ArenaSpawnOptions, SpawnedEnd } from './arena.ts'

const OUTPUT_CHARS_MAX = 1024 * 1024
const END_TIMEOUT_MS = 5_000

/** Program and arguments. */
export type CommandLine = readonly [string, ...string[]]

/** The processes of an arena, each the leader of a group. */
export class HostProcesses {
  readonly #recordPath: string
  #started: ProcessRef[] = []

  /** Every process is written to `recordPath`, for whoever cleans up after this process was killed. */
  constructor(recordPath: string) {
    this.#recordPath = recordPath
  }

  get all(): readonly ProcessRef[] {
    return this.#started
  }

  start(command: CommandLine, options: SpawnOptions, onStart?: (ref: ProcessRef) => void): ChildProcess {
    const [file, ...args] = command
    const child = spawn(file, args, { ...options, detached: true })
    if (child.pid === undefined) return child
    const ref = processRef(child.pid)
    this.#started = [...this.#started.filter(isAlive), ref]
    appendFileSync(this.#recordPath, `${ref.pid} ${ref.startTicks ?? 0}\n`)
    onStart?.(ref)
    return child
  }

  /** SIGKILL to all of them. */
  async endAll(): Promise<void> {
    for (const ref of this.#started) signalGroup(ref, 'SIGKILL')
    await Promise.all(this.#started.map((ref) => waitForEnd(ref, END_TIMEOUT_MS)))
  }
}

/** `ArenaHost.spawn` over `ArenaHost.start`. */
export function spawnWith(
  start: (options: SpawnOptions) => ChildProcess,
  file: string,
  options: ArenaSpawnOptions = {},
): ArenaProcess {
  const { env, cwd, logPath, capture = false } = options
  const log = logPath === undefined ? undefined : openSync(logPath, 'a', 0o600)
  const output = capture ? 'pipe' : (log ?? 'ignore')
  try {
    const child = start({
      stdio: ['ignore', output, output],
      ...(env === undefined ? {} : { env }),
      ...(cwd === undefined ? {} : { cwd }),
    })
    const ended = endOf(child, file)
    ended.catch(() => {})
    if (child.pid === undefined) return { pid: 0, process: { pid: 0 }, ended, kill: () => {} }
    const ref = processRef(child.pid)
    return { pid: child.pid, process: ref, ended, kill: (signal = 'SIGKILL') => signalGroup(ref, signal) }
  } finally {
    if (log !== undefined) closeSync(log)
  }
}

function endOf(child: ChildProcess, file: string): Promise<SpawnedEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<SpawnedEnd>()
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-OUTPUT_CHARS_MAX)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-OUTPUT_CHARS_MAX)
  })
  child.once('error', (cause) => reject(new StateError(`${file} could not be started`, { cause })))
  child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  return promise
}

/** Throws when the program failed; gives what it printed. */
export async function outputOf(process: ArenaProcess, what: string): Promise<string> {
  const { code, signal, stdout, stderr } = await process.ended
  if (code === 0) return stdout
  throw new InternalError(`${what} failed (${signal ?? `exit ${code}`}): ${stderr.trim().slice(-1000)}`)
}
