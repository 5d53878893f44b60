import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

interface End {
  readonly address: string
  readonly port: number
}

/**
 * The process group of the program at the `local` end of a TCP connection of this machine, among `groups`. Undefined when none of them
 * has it. By /proc/net/tcp and /proc/PID/fd (proc(5)), which only show what this user may see.
 */
export function groupOfSocket(
  ends: { local: End; remote: End },
  groups: ReadonlySet<number>,
): number | undefined {
  const inode = inodeOf(hexOf(ends.local), hexOf(ends.remote))
  if (inode === undefined) return undefined
  for (const { pid, group } of processesOf(groups)) if (holds(pid, `socket:[${inode}]`)) return group
  return undefined
}

/** `0100007F:1F90`: the address as the machine has it in memory. */
function hexOf({ address, port }: End): string {
  const bytes = address.split('.').map(Number).reverse()
  return `${Buffer.from(bytes).toString('hex')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

function inodeOf(local: string, remote: string): string | undefined {
  const wanted = ` ${local} ${remote} `
  const text = readFileSync('/proc/net/tcp', 'utf8')
  const at = text.indexOf(wanted)
  if (at < 0) return undefined
  return text.slice(at, text.indexOf('\n', at)).trim().split(/\s+/)[8]
}

function* processesOf(groups: ReadonlySet<number>): Generator<{ pid: number; group: number }> {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const group = groupOf(name)
    if (group !== undefined && groups.has(group)) yield { pid: Number(name), group }
  }
}

function groupOf(pid: string): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[2])
  } catch {
    return undefined
  }
}

function holds(pid: number, link: string): boolean {
  try {
    const dir = `/proc/${pid}/fd`
    return readdirSync(dir).some((fd) => linkOf(`${dir}/${fd}`) === link)
  } catch {
    return false
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
