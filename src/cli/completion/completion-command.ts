import { Argument, type Command } from 'commander'
import { teach } from '../help.ts'
import type { Shell } from '../shell.ts'
import { printable } from '../units.ts'
import { wantedAt } from './candidates.ts'
import { lookUp } from './look-up.ts'
import { ASK, FILES_LINE, PLACES, SCRIPTS, SHELLS, type ShellName } from './scripts.ts'

export function addCompletionCommand(program: Command, shell: Shell): void {
  const command = program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .description('print what a shell needs to complete commands, options and names')
  teach(command, [
    ['source <(bootswarm completion bash)', 'for this shell'],
    [`bootswarm completion bash > ${PLACES.bash}`, 'for every bash from now on'],
    [`bootswarm completion fish > ${PLACES.fish}`, 'for fish'],
  ])
  command.addHelpText('after', `For zsh: keep it as ${PLACES.zsh}.`)
  command.action((name: ShellName) => {
    shell.terminal.stdout.write(SCRIPTS[name])
  })
  addAsk(program, shell)
}

/** What the scripts ask. Says nothing rather than anything wrong, and never fails: somebody is typing. */
function addAsk(program: Command, shell: Shell): void {
  program
    .command(ASK, { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { candidates, lookup, files } = wantedAt(program, words)
      for (const { word, meaning } of candidates) write(shell, word, meaning)
      if (lookup !== undefined) {
        for (const name of await lookUp(shell, lookup, words)) write(shell, name, '')
      }
      if (files) shell.terminal.stdout.write(`${FILES_LINE}\n`)
    })
}

function write(shell: Shell, word: string, meaning: string): void {
  const text = printable(meaning).replace(/\s+/g, ' ')
  shell.terminal.stdout.write(`${printable(word)}\t${text}\n`)
}
