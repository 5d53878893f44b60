import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * Prints the summary of what was covered and writes coverage/lcov.info; returns whether the floor of .c8rc.json was reached,
 * which is a little under what the tests reach now.
 */
export function reportCoverage(temporaryDir: string): boolean {
  const c8 = join('node_modules', '.bin', 'c8')
  const args = [c8, 'report', '--temp-directory', temporaryDir]
  const result = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  process.stdout.write(result.stdout)
  process.stdout.write(result.stderr)
  return result.status === 0
}
