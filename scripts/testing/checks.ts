import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Outcome } from './totals.ts'

/**
 * Checks of the sources that count as tests of their own; package.json has their commands.
 * `test/tidy.test.ts` holds the house rules.
 */
export const CHECKS = ['types', 'lint', 'ranks', 'unused'] as const
export type Check = (typeof CHECKS)[number]

const DEADLINE_MS = 120_000

export async function runCheck(check: Check): Promise<Outcome> {
  const started = performance.now()
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: Record<Check, string> }
  const [program = '', ...args] = scripts[check].split(' ')
  const bin = join(process.cwd(), 'node_modules', '.bin')
  const env = { ...process.env, NO_COLOR: '1', PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }
  const child = spawn(join(bin, program), args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (output += piece))
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (output += piece))
  const [code] = await once(child, 'close')
  const ok = code === 0
  const seconds = (performance.now() - started) / 1000
  return { name: check, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, reasons: [], seconds, output }
}
