import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { StateError } from '../../src/core/errors.ts'

/** Where Debian has the programs of administrators, which the path of users lacks. */
export const ipEnvironment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }

/** Runs `ip` or `tc` and gives what it prints. Lines are given to `-batch -`. Throws StateError with what it complains of. */
export async function runIp(
  program: 'ip' | 'tc',
  args: readonly string[],
  lines: readonly string[] = [],
): Promise<string> {
  const batch = lines.length === 0 ? [] : ['-batch', '-']
  const child = spawn(program, [...args, ...batch], { env: ipEnvironment, stdio: ['pipe', 'pipe', 'pipe'] })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.once('error', reject)
  child.once('close', resolve)
  child.stdin.on('error', () => {})
  child.stdin.end(lines.map((line) => `${line}\n`).join(''))
  const code = await promise
  if (code !== 0) throw new StateError(`${program} ${args.join(' ')}: ${stderr.trim().slice(0, 500)}`)
  return stdout
}

/** Why network namespaces cannot be used here; undefined when they can. */
export function namespacesLack(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const has = (capability: number) => (BigInt(`0x${effective}`) >> BigInt(capability)) & 1n
  if (!has(CAP_NET_ADMIN) || !has(CAP_SYS_ADMIN)) return 'this root may not make network namespaces'
  for (const program of ['ip', 'tc', 'nsenter']) {
    if (spawnSync(program, ['-V'], { env: ipEnvironment, stdio: 'ignore' }).error !== undefined) {
      return `${program} is not installed`
    }
  }
  return undefined
}

const CAP_NET_ADMIN = 12
const CAP_SYS_ADMIN = 21
