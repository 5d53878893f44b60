import type { Command } from 'commander'
import type { ImageObject } from '../api/image-schemas.ts'
import { parseQuery } from '../core/query-parser.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { IMAGE_LIST } from './image-text.ts'
import { addFormatOption, type FormatFlags, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

type Row = Readonly<Record<string, unknown>>

export function addImageSearch(image: Command, shell: Shell): void {
  const command = image
    .command('search')
    .argument('<query...>', 'fields, then where and conditions: docs/specs/query-v1.md')
    .description('find images by anything that is known of them')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image search "where os_variant~/^Debian 1[23]/i, hypervisor=kvm"', 'by a regular expression'],
    ['bootswarm image search "name,size where size>4GiB order by size desc limit 10"', 'the ten largest'],
    ['bootswarm image search "where property.ticket=OPS-17" -o name', 'by a free pair, for a script'],
  ])
  command.action((words: string[], flags: FormatFlags & SettingFlags) =>
    interruptible('nothing was changed', async (signal) => {
      const q = words.join(' ')
      const { fields } = parseQuery(q)
      await withTracker(shell, flags, async ({ client }) => {
        if (fields === undefined || flags.format === 'name') {
          const images = await client.images.list({ q }, { signal })
          return printList<ImageObject>(shell, images, { ...flags, ...IMAGE_LIST })
        }
        const { images, next } = await client.images.rows({ q }, { signal })
        const columns = fields.map(({ as }) => ({ title: as, cell: (row: Row) => cellOf(row[as]) }))
        printList<Row>(shell, images, { ...flags, columns, name: () => '' })
        if (next !== null) shell.terminal.stderr.write(`there are more: add "offset ${next}"\n`)
      })
    }),
  )
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
