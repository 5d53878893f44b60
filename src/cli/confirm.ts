import { createInterface } from 'node:readline/promises'
import { AbortedError, UsageError } from '../core/errors.ts'
import type { Shell } from './shell.ts'

/**
 * Asks whether something is to be removed. Errors: AbortedError when the answer is no, UsageError, which names the flag that
 * says yes, when nobody is there to be asked.
 */
export async function confirm(
  shell: Shell,
  what: string,
  options: { yes: string; signal?: AbortSignal },
): Promise<void> {
  const { yes, signal } = options
  if (!shell.terminal.canAsk) throw new UsageError(`this removes ${what}: say ${yes} to do it`)
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`Remove ${what}? [y/N] `, signal === undefined ? {} : { signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw new AbortedError('nothing was removed')
  } finally {
    lines.close()
  }
}
