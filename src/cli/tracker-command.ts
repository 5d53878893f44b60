import type { Command } from 'commander'
import type { Shell } from './shell.ts'
import { addTrackerAudit } from './tracker-audit.ts'
import { addTrackerChains } from './tracker-chains.ts'
import { addTrackerGc } from './tracker-gc.ts'
import { addTrackerInit } from './tracker-init.ts'
import { addTrackerServe } from './tracker-serve.ts'

export function addTrackerCommands(program: Command, shell: Shell): void {
  const tracker = program.command('tracker').description('the registry server')
  addTrackerInit(tracker, shell)
  addTrackerServe(tracker, shell)
  addTrackerGc(tracker, shell)
  addTrackerAudit(tracker, shell)
  addTrackerChains(tracker, shell)
}
