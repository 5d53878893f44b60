import type { Command } from 'commander'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

export function addDiskDetach(disk: Command, shell: Shell): void {
  const command = disk
    .command('detach')
    .argument('<disk>', 'as disk ls shows it')
    .description('take a disk away; overlays of it cannot be used any more, what was fetched stays')
    .option('--force', 'also from machines that use it: their reads fail from then on')
  addSettingOptions(command, NODE_KEYS)
  teach(command, [['bootswarm disk detach site-debian-3', 'when no machine needs it any more']])
  command.action((name: string, flags: SettingFlags & { force?: true }) =>
    interruptible('run it again', async (signal) => {
      const force = flags.force === true
      await withNode(shell, flags, (client) => client.disks.detach(name, { force, signal }))
      shell.terminal.stderr.write(`detached ${name}\n`)
    }),
  )
}
