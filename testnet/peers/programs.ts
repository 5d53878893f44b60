import { execFile } from 'node:child_process'
import { constants, copyFile, mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { StateError, TimeoutError } from '../../src/core/errors.ts'
import type { ArenaHost, ArenaProcess } from '../arena/arena.ts'
import { logTail } from '../daemon.ts'
import type { Probe } from './contestant.ts'

const run = promisify(execFile)
const START_TIMEOUT_MS = 15_000
const POLL_MS = 25

/** The environment of all contestants' programs: no proxies of this machine, Debian's places of administrators' programs. */
export const environment: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name))),
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
  LC_ALL: 'C',
}

/** A program, how to ask for its version, and how to find it in the answer. */
export interface ProgramSpec {
  readonly command: readonly [string, ...string[]]
  readonly version: RegExp
  /** Debian's package. */
  readonly debian: string
}

/** The versions of all programs, or which packages are missing. */
export async function probePrograms(specs: readonly ProgramSpec[]): Promise<Probe> {
  const found = await Promise.all(specs.map(async (spec) => ({ spec, version: await versionOf(spec) })))
  const missing = found.filter(({ version }) => version === undefined).map(({ spec }) => spec.debian)
  if (missing.length > 0) return { lack: `not installed (Debian: ${missing.join(', ')})` }
  return { version: found.flatMap(({ version }) => version ?? []).join(', ') }
}

async function versionOf({ command, version }: ProgramSpec): Promise<string | undefined> {
  const [file, ...args] = command
  try {
    const { stdout, stderr } = await run(file, args, { env: environment })
    return version.exec(`${stdout}\n${stderr}`)?.slice(1).join(' ') ?? 'unknown'
  } catch (error) {
    // Some programs print their version and fail.
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return version.exec(`${stdout}\n${stderr}`)?.slice(1).join(' ')
  }
}

/** Resolves when the program ends well. Errors: StateError with the end of its log. */
export async function endOf(process: ArenaProcess, what: string, logPath: string): Promise<void> {
  const { code, signal } = await process.ended
  if (code !== 0) throw new StateError(`${what} failed (${signal ?? `exit ${code}`})${logTail(logPath)}`)
}

/** Resolves when something listens. Errors: StateError when the program has ended, TimeoutError. */
export async function whenListening(init: {
  process: ArenaProcess
  what: string
  address: string
  port: number
  logPath: string
}): Promise<void> {
  const { process, what, address, port, logPath } = init
  let over = false
  const ended = process.ended.then(({ code }) => {
    over = true
    throw new StateError(`${what} ended at its start (exit ${code})${logTail(logPath)}`)
  })
  const listening = async () => {
    for (let waited = 0; !(await accepts(address, port)); waited += POLL_MS) {
      if (over) return
      if (waited > START_TIMEOUT_MS) throw new TimeoutError(`${what} does not listen${logTail(logPath)}`)
      await sleep(POLL_MS)
    }
  }
  // Its end after that is somebody else's concern.
  ended.catch(() => {})
  await Promise.race([listening(), ended])
}

async function accepts(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host, port, timeout: 1000 })
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  socket.once('timeout', () => resolve(false))
  return await promise.finally(() => socket.destroy())
}

/** A directory for each receiver; with `previous` a copy of it in the place of the result, as an earlier fetch would have left it. */
export async function makePlaces(init: {
  dir: string
  receivers: readonly ArenaHost[]
  previous: string | undefined
}): Promise<Places> {
  const { dir, receivers, previous } = init
  const places: Places = {
    dir: (host) => join(dir, host.name),
    result: (host) => join(dir, host.name, RESULT),
    log: (host) => join(dir, `${host.name}.log`),
  }
  for (const host of receivers) {
    await mkdir(places.dir(host))
    if (previous !== undefined) await copyFile(previous, places.result(host), constants.COPYFILE_FICLONE)
  }
  return places
}

export interface Places {
  readonly dir: (host: ArenaHost) => string
  readonly result: (host: ArenaHost) => string
  readonly log: (host: ArenaHost) => string
}

/** Name of the image on the origin and on every receiver. */
export const RESULT = 'image'
