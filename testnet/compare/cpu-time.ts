import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

interface Usage {
  readonly pid: number
  readonly parent: number
  /** Clock ticks of its own. */
  readonly own: number
  /** Clock ticks of its children that have ended and were waited for. */
  readonly ended: number
}

/**
 * User and system seconds of everything that this process has started so far, whether it still runs or has ended; those of
 * this process are not in it. The difference of two such figures is what was spent in between. 0 where there is no /proc.
 */
export function descendantsCpuSeconds(): number {
  const all = usages()
  const children = Map.groupBy(all, ({ parent }) => parent)
  const self = all.find(({ pid }) => pid === process.pid)
  let ticks = self?.ended ?? 0
  const queue = [...(children.get(process.pid) ?? [])]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    ticks += next.own + next.ended
    queue.push(...(children.get(next.pid) ?? []))
  }
  return ticks / ticksPerSecond()
}

function usages(): Usage[] {
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return []
  }
  return names.filter((name) => /^\d+$/.test(name)).flatMap((name) => usageOf(Number(name)) ?? [])
}

/** Fields 4 and 14 to 17 of /proc/PID/stat (proc(5)), counted after the name, which may hold anything. */
function usageOf(pid: number): Usage | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [parent = 0, own = 0, system = 0, ended = 0, endedSystem = 0] = [1, 11, 12, 13, 14].map(
      (i) => fields[i],
    )
    return { pid, parent, own: own + system, ended: ended + endedSystem }
  } catch {
    return undefined
  }
}

let ticks: number | undefined

function ticksPerSecond(): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return ticks
}
