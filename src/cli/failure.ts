import { CommanderError } from 'commander'
import { BootswarmError, type ErrorCode, exitCodeOf } from '../core/errors.ts'
import type { Terminal } from './shell.ts'
import { printable } from './units.ts'

/** What to do about an error, where there is something to do in general. */
const ADVICE: Partial<Record<ErrorCode, string>> = {
  E_CERTIFICATE: 'Check the files and dates of your certificate: bootswarm context show',
  E_NOT_AUTHORISED: 'See who the tracker takes you for: bootswarm whoami',
  E_NOT_FOUND: 'See what there is: bootswarm image ls',
  E_INTEGRITY: 'Do not use these bytes. Pull the image again, or push it again if the source is at fault.',
  E_SIGNATURE: 'Do not trust this record. Check --ca and --tracker-name.',
  E_UNREACHABLE: 'Check that it runs and that its address is right: bootswarm context show',
  E_TIMEOUT: 'Run the command again; it goes on where it stopped.',
  E_BUSY: 'Run the command again in a moment.',
  E_STORAGE_FULL: 'Make space and run the command again; it goes on where it stopped.',
  E_INTERNAL: 'This is a defect. Please report it with the output of the same command and --debug.',
}

/** Exit code of the process that ends with this error. Wrong usage is 2, help that was asked for is 0. */
export function exitCodeOfFailure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  return exitCodeOf(error)
}

/** One line of what went wrong and one of what to do; with `debug` the chain of causes as well. */
export function reportFailure(terminal: Terminal, error: unknown, options: { debug: boolean }): void {
  // commander has said what it had to say.
  if (error instanceof CommanderError) return
  const message = error instanceof Error ? error.message : String(error)
  terminal.stderr.write(`bootswarm: ${printable(message)}\n`)
  const advice = adviceFor(error)
  if (advice !== undefined) terminal.stderr.write(`${advice}\n`)
  if (options.debug) terminal.stderr.write(chainOf(error))
}

function adviceFor(error: unknown): string | undefined {
  if (!(error instanceof BootswarmError))
    return 'Run the same command with --debug to see where this comes from.'
  const own = error.data['advice']
  return typeof own === 'string' ? printable(own) : ADVICE[error.code]
}

/** Stack and data of the error and of each of its causes. Bounded, because causes may come from anywhere. */
function chainOf(error: unknown): string {
  const parts: string[] = []
  let at = error
  for (let depth = 0; depth < 16 && at !== undefined; depth++) {
    const lead = depth === 0 ? '' : 'caused by: '
    parts.push(`${lead}${at instanceof Error ? (at.stack ?? at.message) : String(at)}\n`)
    if (at instanceof BootswarmError && Object.keys(at.data).length > 0) {
      parts.push(`  data: ${JSON.stringify(at.data)}\n`)
    }
    at = at instanceof Error ? at.cause : undefined
  }
  return parts.join('')
}
