import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Outcome } from './totals.ts'

export interface Check {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const FOLDERS = ['src', 'node', 'tracker', 'testnet', 'scripts', 'test'].filter((folder) =>
  existsSync(folder),
)

/** Checks of the sources that count as tests of their own. `test/tidy.test.ts` holds the house rules. */
export const CHECKS: readonly Check[] = [
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'lint', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'ranks', command: ['depcruise', '--config', 'dependency-cruiser.config.json', ...FOLDERS] },
  { name: 'unused', command: ['knip', '--no-progress'] },
]

const DEADLINE_MS = 120_000

export async function runCheck(check: Check): Promise<Outcome> {
  const started = performance.now()
  const [program, ...args] = check.command
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
  return { name: check.name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, seconds, output }
}
