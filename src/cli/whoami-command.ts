import type { Command } from 'commander'
import type { WhoamiAnswer } from '../api/tracker-schemas.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import type { Shell } from './shell.ts'
import { formatFacts } from './table.ts'

export function addWhoamiCommand(program: Command, shell: Shell): void {
  const command = program.command('whoami').description('ask the tracker who it takes you for')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm whoami', 'your distinguished name and the namespaces that are yours']])
  command.action(async (flags: FormatFlags & SettingFlags) => {
    const answer = await withTracker(shell, flags, ({ client }) => client.whoami())
    printItem(shell, answer, { ...flags, text: describe, name: ({ dn }) => dn })
  })
}

function describe(answer: WhoamiAnswer): string {
  return formatFacts([
    ['name', answer.dn],
    ['valid until', answer.notAfter],
    ['admin', answer.admin ? 'yes' : 'no'],
    ['namespaces', answer.namespaces.join(', ') || 'none yet; the first push into one makes it yours'],
  ])
}
