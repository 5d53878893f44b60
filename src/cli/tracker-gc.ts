import type { Command } from 'commander'
import type { GcAnswer } from '../api/tracker-schemas.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'
import { formatBytes } from './units.ts'

export function addTrackerGc(tracker: Command, shell: Shell): void {
  const command = tracker
    .command('gc')
    .description('free what no image and no open upload of the tracker has; for admins')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.addHelpText(
    'after',
    '\nThe tracker does so by itself every hour (gc.intervalSeconds in tracker.yaml). Blocks of an upload are kept for a day after its last request.',
  )
  teach(command, [['bootswarm tracker gc', 'after images or versions were removed']])
  command.action((flags: FormatFlags & SettingFlags) =>
    interruptible('run it again', async (signal) => {
      const answer = await withTracker(shell, flags, ({ client }) => client.gc({ signal }))
      printItem(shell, answer, { ...flags, text: describe, name: (item) => String(item.blocksDeleted) })
    }),
  )
}

function describe(answer: GcAnswer): string {
  const { freedBytes, blocksDeleted, nodesDeleted, expiredUploads } = answer
  return formatFacts([
    ['freed', `${formatBytes(freedBytes)} in ${blocksDeleted} blocks and ${nodesDeleted} nodes`],
    ['expired uploads', String(expiredUploads)],
  ])
}
