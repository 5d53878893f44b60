import type { Command } from 'commander'
import type { UsageView } from '../api/accounting-schemas.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, type ListView, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatBytes } from './units.ts'

export function addUserUsage(user: Command, shell: Shell): void {
  const command = user.command('usage').description('what you own and may own; for admins, every user')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.addHelpText(
    'after',
    '\nBytes are the content of every version that is kept, holes left out; uploads under way are counted apart.',
  )
  teach(command, [['bootswarm user usage', 'how much room is left']])
  command.action((flags: FormatFlags & SettingFlags) =>
    interruptible('nothing was changed', async (signal) => {
      const users: UsageView[] = []
      await withTracker(shell, flags, async ({ client }) => {
        for (let after: string | null = ''; after !== null; ) {
          const page = await client.accounting.usage(after === '' ? {} : { after }, { signal })
          users.push(...page.users)
          after = page.next
        }
      })
      printList(shell, users, { ...flags, ...USAGE_LIST })
    }),
  )
}

const USAGE_LIST: ListView<UsageView> = {
  columns: [
    { title: 'user', cell: ({ user_name }) => user_name },
    { title: 'images', cell: ({ images }) => String(images), right: true },
    { title: 'of', cell: ({ quota_images }) => boundOf(quota_images, String), right: true },
    { title: 'bytes', cell: ({ bytes }) => formatBytes(bytes), right: true },
    { title: 'of', cell: ({ quota_bytes }) => boundOf(quota_bytes, formatBytes), right: true },
    { title: 'uploading', cell: ({ uploading_bytes }) => formatBytes(uploading_bytes), right: true },
  ],
  name: ({ user_name }) => user_name,
}

function boundOf(quota: number | null, format: (value: number) => string): string {
  return quota === null ? 'any' : format(quota)
}
