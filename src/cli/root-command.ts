import { Command } from 'commander'
import { packageVersion } from '../util/package-version.ts'
import type { Shell } from './shell.ts'

/** `bootswarm` without any command. */
export function rootCommand(shell: Shell): Command {
  return new Command('bootswarm')
    .description('Distributes virtual-machine images to a cluster of hypervisors.')
    .option('--debug', 'on failure, show where it comes from and what caused it')
    .option('--no-color', 'no colours; NO_COLOR=1 does the same')
    .version(packageVersion(), '--version', 'print the version')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => shell.terminal.stdout.write(text),
      writeErr: (text) => shell.terminal.stderr.write(text),
      getErrHelpWidth: () => shell.terminal.stderr.columns ?? 100,
      getOutHelpWidth: () => shell.terminal.stdout.columns ?? 100,
      outputError: (text, write) => write(text.replace(/^error: /, 'bootswarm: ').replace(/\n\(/, ' (')),
    })
    .exitOverride()
    .showSuggestionAfterError()
}

/** After a usage error every command says where its help is. Also passes output and exit settings down. */
export function adviseHelp(command: Command, path: string): void {
  command.showHelpAfterError(`See: ${path} --help`)
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    adviseHelp(child, `${path} ${child.name()}`)
  }
}
