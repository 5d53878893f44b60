import type { Command } from 'commander'
import { teach } from './help.ts'

/** Only for the list of commands: runCli hands everything after `testnet` to the testnet itself. */
export function addTestnetCommand(program: Command): void {
  const command = program
    .command('testnet')
    .description('a tracker and nodes as processes on this machine: up, run, down (see testnet --help)')
    .helpOption(false)
  teach(command, [['bootswarm testnet run mass-boot --nodes 4', 'the main job, end to end']])
}
