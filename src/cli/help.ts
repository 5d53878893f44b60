import type { Command } from 'commander'
import { ERROR_TABLE } from '../core/errors.ts'
import type { Shell } from './shell.ts'

/** Ends the help of a command with examples: a command line and what it is for. */
export function teach(command: Command, examples: readonly (readonly [string, string])[]): void {
  const lines = examples.map(([line, purpose]) => `  # ${purpose}\n  ${line}\n`)
  command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

const MEANINGS: readonly (readonly [number, string])[] = [
  [0, 'done'],
  [1, 'failure'],
  [2, 'usage: the command line or a configuration file is wrong'],
  [3, 'not found'],
  [4, 'not authorised: certificate, grant or permission'],
  [5, 'conflict: exists already, or changed meanwhile'],
  [6, 'integrity: bytes or a signature do not verify'],
  [7, 'unreachable, timed out or busy: try again'],
  [8, 'quota used up or disk full'],
  [130, 'stopped by Ctrl-C'],
]

/** `bootswarm help exit-codes`, beside `bootswarm help COMMAND`. */
export function addExitCodesHelp(program: Command, shell: Shell): void {
  program.helpCommand(false)
  const help = program
    .command('help')
    .argument('[topic...]', 'a command, or exit-codes')
    .description('explain a command, or what the exit codes mean')
    .action((topic: string[]) => {
      if (topic[0] === 'exit-codes') shell.terminal.stdout.write(exitCodesText())
      else commandAt(program, topic).outputHelp()
    })
  teach(help, [
    ['bootswarm help image push', 'the same as bootswarm image push --help'],
    ['bootswarm help exit-codes', 'what a script can tell from the exit code'],
  ])
}

function commandAt(program: Command, path: readonly string[]): Command {
  let at = program
  for (const word of path) {
    const next = at.commands.find((command) => command.name() === word || command.aliases().includes(word))
    at = next ?? at.error(`error: there is no command '${path.join(' ')}' to explain`)
  }
  return at
}

export function exitCodesText(): string {
  const codesOf = (exit: number) =>
    Object.entries(ERROR_TABLE)
      .filter(([, entry]) => entry.exit === exit)
      .map(([code]) => code)
  const lines = MEANINGS.map(([exit, meaning]) => {
    const codes = codesOf(exit).join(' ')
    return `${String(exit).padStart(4)}  ${meaning}\n${codes === '' ? '' : `      ${codes}\n`}`
  })
  return `Exit codes, with the error codes of docs/errors.md behind them:\n\n${lines.join('')}`
}
