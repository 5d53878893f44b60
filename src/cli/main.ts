import { type Clock, systemClock } from '../core/clock.ts'
import { exitCodeOfFailure, reportFailure } from './failure.ts'
import type { Programs, Shell, Terminal } from './shell.ts'

export type { Programs } from './shell.ts'

/**
 * Runs one command line.
 * @param argv arguments after the program's name
 * @param programs what `tracker serve`, `node serve` and `testnet` start
 * @returns the exit code (see `bootswarm help exit-codes`). Never throws.
 */
export async function runCli(
  argv: readonly string[],
  programs: Programs,
  components: { terminal?: Terminal; clock?: Clock } = {},
): Promise<number> {
  const { terminal = processTerminal(), clock = systemClock } = components
  const shell: Shell = { terminal, programs, clock, exitCode: 0 }
  try {
    // The testnet reads its own arguments; nothing of it may be taken for ours.
    if (argv[0] === 'testnet') return await programs.runTestnet(argv.slice(1))
    const { buildProgram } = await (startsDaemon(argv)
      ? import('./daemon-program.ts')
      : import('./program.ts'))
    await buildProgram(shell).parseAsync([...argv], { from: 'user' })
    return shell.exitCode
  } catch (error) {
    reportFailure(terminal, error, { debug: argv.includes('--debug') })
    return exitCodeOfFailure(error)
  }
}

/** Whether a command line starts a daemon. */
function startsDaemon([noun, verb]: readonly string[]): boolean {
  return verb === 'serve' && (noun === 'node' || noun === 'tracker')
}

function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process
  return { stdout, stderr, env, canAsk: stdin.isTTY === true && stderr.isTTY === true }
}
