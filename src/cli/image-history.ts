import type { Command } from 'commander'
import type { HistoryEntryView } from '../api/accounting-schemas.ts'
import { parseReference } from '../core/reference.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, type ListView, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

export function addImageHistory(image: Command, shell: Shell): void {
  const command = image
    .command('history')
    .argument('<image>', 'namespace/name; may have been removed')
    .description('tell what happened to an image, and who did it')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image history site/debian', 'versions, changes, shares, names that it had'],
    ['bootswarm image history site/debian -o json', 'for a script'],
  ])
  command.action((text: string, flags: FormatFlags & SettingFlags) =>
    interruptible('nothing was changed', async (signal) => {
      const { namespace, name } = parseReference(text)
      const entries: HistoryEntryView[] = []
      await withTracker(shell, flags, async ({ client }) => {
        for (let after: number | null = 0; after !== null; ) {
          const page = await client.accounting.history(
            { namespace, name },
            { after, limit: 1000 },
            { signal },
          )
          entries.push(...page.entries)
          after = page.next
        }
      })
      printList(shell, entries, { ...flags, ...HISTORY_LIST })
    }),
  )
}

const HISTORY_LIST: ListView<HistoryEntryView> = {
  columns: [
    { title: 'at', cell: ({ at }) => at },
    { title: 'action', cell: ({ action }) => action },
    { title: 'details', cell: ({ details }) => detailsOf(details) },
    { title: 'name', cell: ({ name }) => name },
    { title: 'by', cell: ({ author }) => author ?? '' },
  ],
  name: ({ action }) => action,
}

function detailsOf(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`)
    .join(' ')
}
