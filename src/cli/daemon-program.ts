import type { Command } from 'commander'
import { addNodeServe } from './node-serve.ts'
import { adviseHelp, rootCommand } from './root-command.ts'
import type { Shell } from './shell.ts'
import { addTrackerServe } from './tracker-serve.ts'

/** The commands that daemons are: they run for months, and what the others load would stay in their memory (docs/decisions/0005). */
export function buildProgram(shell: Shell): Command {
  const program = rootCommand(shell)
  addNodeServe(program.command('node'), shell)
  addTrackerServe(program.command('tracker'), shell)
  adviseHelp(program, 'bootswarm')
  return program
}
