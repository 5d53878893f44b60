import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Names one process for certain: process ids are used again, start times are not. */
export interface ProcessRef {
  readonly pid: number
  /** Clock ticks since boot when it started (field 22 of /proc/PID/stat); undefined where there is no /proc. */
  readonly startTicks?: number
}

export function processRef(pid: number): ProcessRef {
  const startTicks = readStat(pid)?.startTicks
  return startTicks === undefined ? { pid } : { pid, startTicks }
}

interface Stat {
  state: string
  startTicks: number
}

function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', startTicks: Number(fields[19]) }
  } catch {
    return undefined
  }
}

/** Whether the process runs. A zombie does not, nor does another process under a reused id. */
export function isAlive(ref: ProcessRef): boolean {
  try {
    process.kill(ref.pid, 0)
  } catch {
    return false
  }
  const stat = readStat(ref.pid)
  if (stat === undefined) return true
  return stat.state !== 'Z' && (ref.startTicks === undefined || ref.startTicks === stat.startTicks)
}

/** Signals the process and the group that it leads. Says nothing when it is gone already. */
export function signalGroup(ref: ProcessRef, signal: NodeJS.Signals): void {
  if (!isAlive(ref)) return
  try {
    process.kill(-ref.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Resolves true when the process has ended, false when it has not within `timeoutMs`. */
export async function waitForEnd(ref: ProcessRef, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (isAlive(ref)) {
    if (performance.now() > deadline) return false
    await sleep(20)
  }
  return true
}

/** SIGTERM, and SIGKILL to what is left after `graceMs`. Returns whether it ended by itself. */
export async function stopProcess(ref: ProcessRef, graceMs: number): Promise<boolean> {
  signalGroup(ref, 'SIGTERM')
  if (await waitForEnd(ref, graceMs)) return true
  signalGroup(ref, 'SIGKILL')
  await waitForEnd(ref, 5_000)
  return false
}

export interface ResidentMemory {
  /** Bytes resident now. */
  readonly bytes: number
  /** Most bytes resident at any time since the start. */
  readonly peakBytes: number
}

/** Resident memory from /proc; undefined where there is no /proc or the process has ended. */
export function residentMemory(pid: number): ResidentMemory | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const bytesOf = (field: string) =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
    const memory = { bytes: bytesOf('VmRSS'), peakBytes: bytesOf('VmHWM') }
    return Number.isNaN(memory.bytes) ? undefined : memory
  } catch {
    return undefined
  }
}

/** Seconds of user and system time that a process has used; undefined where there is no /proc or it has ended. */
export function cpuSecondsOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return undefined
  }
}

/** `USER_HZ`: what Linux has given to user space on every architecture of ours (time(7)). */
const TICKS_PER_SECOND = 100
