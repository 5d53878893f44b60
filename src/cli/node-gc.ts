import type { Command } from 'commander'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'
import { formatBytes } from './units.ts'

type Flags = FormatFlags & SettingFlags & { dryRun?: true }

export function addNodeGc(node: Command, shell: Shell): void {
  const command = node
    .command('gc')
    .description('free the space of blocks that no image of this node has')
    .option('--dry-run', 'only say what would go')
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [['bootswarm node gc --dry-run', 'how much there is to win']])
  command.action((flags: Flags) =>
    interruptible('run it again', async (signal) => {
      const answer = await withNode(shell, flags, (client) =>
        client.gc({ dryRun: flags.dryRun === true, signal }),
      )
      printItem(shell, answer, {
        ...flags,
        text: (item) =>
          formatFacts([
            [
              item.dryRun ? 'would free' : 'freed',
              `${formatBytes(item.storedBytesFreed)} in ${item.blocksDeleted} blocks`,
            ],
            ['kept', `${item.blocksKept} blocks`],
          ]),
        name: (item) => String(item.blocksDeleted),
      })
    }),
  )
}
