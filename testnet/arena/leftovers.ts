import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, type ProcessRef, processRef, signalGroup } from '../processes.ts'
import { processorHierarchy, removeGroup } from './cgroups.ts'
import { ipEnvironment } from './ip.ts'

/** `bsa-PID-STARTTICKS-COUNT`: begins the names of everything of one arena. The start time makes a reused process id another maker. */
const STAMP = /^bsa-(\d+)-(\d+)-(\d+)/
export const PROCESSES_FILE = 'processes'
let count = 0

/** A name for a new arena of this process. */
export function arenaStamp(): string {
  const { pid, startTicks = 0 } = processRef(process.pid)
  return `bsa-${pid}-${startTicks}-${++count}`
}

export interface Swept {
  readonly namespaces: number
  readonly processes: number
  readonly directories: number
}

/** Ends and removes what arenas have left whose maker was killed: namespaces, processes, directories. */
export function sweepArenas(): Swept {
  const namespaces = list('/run/netns').filter(isOrphan)
  const directories = list(tmpdir())
    .filter(isOrphan)
    .map((name) => join(tmpdir(), name))
  const processes = [...namespaces.flatMap(processesIn), ...directories.flatMap(processesOf)].filter(isAlive)
  for (const ref of processes) signalGroup(ref, 'SIGKILL')
  for (const name of namespaces) deleteNamespace(name)
  for (const dir of directories) rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  const groups = processorHierarchy()?.dir
  if (groups !== undefined) for (const name of list(groups).filter(isOrphan)) removeGroup(join(groups, name))
  return { namespaces: namespaces.length, processes: processes.length, directories: directories.length }
}

export function deleteDevice(name: string): void {
  spawnSync('ip', ['link', 'delete', name], { env: ipEnvironment, stdio: 'ignore' })
}

export function deleteNamespace(name: string): void {
  spawnSync('ip', ['netns', 'delete', name], { env: ipEnvironment, stdio: 'ignore' })
}

function isOrphan(name: string): boolean {
  const [, pid, startTicks] = STAMP.exec(name) ?? []
  return pid !== undefined && !isAlive({ pid: Number(pid), startTicks: Number(startTicks) })
}

function processesIn(namespace: string): ProcessRef[] {
  const { stdout } = spawnSync('ip', ['netns', 'pids', namespace], { env: ipEnvironment, encoding: 'utf8' })
  return (stdout ?? '')
    .split('\n')
    .filter(Boolean)
    .map((pid) => processRef(Number(pid)))
}

/** Processes that an arena wrote down when it started them. */
function processesOf(dir: string): ProcessRef[] {
  let text: string
  try {
    text = readFileSync(join(dir, PROCESSES_FILE), 'utf8')
  } catch {
    return []
  }
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [pid, startTicks] = line.split(' ').map(Number)
      return { pid: pid ?? 0, startTicks: startTicks ?? 0 }
    })
    .filter(({ pid }) => pid > 1)
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}
