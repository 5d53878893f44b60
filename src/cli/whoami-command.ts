import type { Command } from 'commander'
import type { WhoamiAnswer } from '../api/user-schemas.ts'
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
    ['certificate', answer.dn],
    ['account', answer.user_name ?? `none, as a ${answer.kind}`],
    ['valid until', answer.not_after],
    ['proxy', proxyText(answer)],
    ['admin', answer.admin ? 'yes' : 'no'],
    ['namespaces', answer.namespaces.join(', ') || 'none yet; the first push into one makes it yours'],
  ])
}

function proxyText({ proxy_depth: depth, limited }: WhoamiAnswer): string | undefined {
  if (depth === 0) return undefined
  return `${depth} after the certificate${limited ? ', limited: it may read and not change' : ''}`
}
