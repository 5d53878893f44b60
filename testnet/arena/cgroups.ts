import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where control groups for the processor are: of version 2 (cgroups(7)), or of version 1 with a controller of its own. */
export interface Hierarchy {
  readonly dir: string
  readonly version: 1 | 2
}

/** Undefined where there is none. */
export function processorHierarchy(): Hierarchy | undefined {
  for (const line of lines('/proc/self/mounts')) {
    const [, dir = '', type, options = ''] = line.split(' ')
    if (type === 'cgroup' && options.split(',').includes('cpu')) return { dir, version: 1 }
    if (type === 'cgroup2' && words(join(dir, 'cgroup.controllers')).includes('cpu'))
      return { dir, version: 2 }
  }
  return undefined
}

/** Directory of the group that this process is in. */
export function ownGroup({ dir, version }: Hierarchy): string {
  const all = lines('/proc/self/cgroup').map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
  const own = all.find((found) =>
    version === 2 ? found?.[1] === '' : found?.[1]?.split(',').includes('cpu') === true,
  )
  return join(dir, own?.[2] ?? '/')
}

/** Its groups get shares of its processor time. Returns what puts back how it was, as far as nobody needs it by then. Errors: those of the system. */
export function divide({ version }: Hierarchy, group: string): () => void {
  const control = join(group, 'cgroup.subtree_control')
  if (version === 1 || words(control).includes('cpu')) return () => {}
  writeFileSync(control, '+cpu')
  return () => {
    try {
      writeFileSync(control, '-cpu')
    } catch {
      // Groups of others are divided by now.
    }
  }
}

/** Shares beside those of its neighbours, when somebody has to wait; what nobody has said anything of has 100. */
export function weigh({ version }: Hierarchy, group: string, weight: number): void {
  if (version === 2) writeFileSync(join(group, 'cpu.weight'), String(weight))
  else writeFileSync(join(group, 'cpu.shares'), String(Math.round((weight * 1024) / 100)))
}

/** So many cores at most, in every period of so many microseconds. */
export function limit(
  { version }: Hierarchy,
  group: string,
  { cores, periodUs }: { cores: number; periodUs: number },
): void {
  const quotaUs = Math.round(cores * periodUs)
  if (version === 2) return writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${periodUs}`)
  writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs))
  writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs))
}

/** Puts a process into a group, with all of its threads. */
export function enter(group: string, pid: number): void {
  writeFileSync(join(group, 'cgroup.procs'), String(pid))
}

/** Removes a group and those in it, as far as nobody is in them any more. Says nothing of others. */
export function removeGroup(group: string): void {
  try {
    for (const entry of readdirSync(group, { withFileTypes: true }))
      if (entry.isDirectory()) removeGroup(join(group, entry.name))
    rmdirSync(group)
  } catch {
    // Somebody is in it, or it is gone.
  }
}

const lines = (path: string) => {
  try {
    return readFileSync(path, 'utf8').trim().split('\n')
  } catch {
    return []
  }
}

const words = (path: string) => lines(path).flatMap((line) => line.split(' '))
