import type { Command } from 'commander'
import type { ImageSearch } from '../api/image-client.ts'
import type { LocalImage } from '../api/node-schemas.ts'
import { UsageError } from '../core/errors.ts'
import { withNode, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { parseFields } from './image-fields.ts'
import { IMAGE_LIST, nameOf } from './image-text.ts'
import { addFormatOption, type FormatFlags, type ListView, printList } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatBytes } from './units.ts'

type Flags = FormatFlags & SettingFlags & { local?: true; sort?: string; desc?: true; limit?: string }

export function addImageLs(image: Command, shell: Shell): void {
  const command = image
    .command('ls')
    .alias('list')
    .argument('[field=value...]', 'only images of which this is true')
    .description('list the images of the tracker that you may read, or those that this machine holds')
    .option('--local', "images in the store of this machine's node")
    .option('--sort <field>', 'in the order of a field; by name unless given')
    .option('--desc', 'the largest or latest first')
    .option('--limit <number>', 'no more than so many')
  addFormatOption(command)
  addSettingOptions(command, [...TRACKER_KEYS, ...NODE_KEYS])
  teach(command, [
    ['bootswarm image ls', 'what there is to boot'],
    ['bootswarm image ls hypervisor=kvm owner=alice --sort size --desc', 'some of it, the largest first'],
    ['bootswarm image ls --local -o json', 'what is here already, for a script'],
  ])
  command.action((words: string[], flags: Flags) =>
    interruptible('nothing was changed', async (signal) => {
      const search = searchOf(words, flags)
      if (flags.local === true) {
        if (Object.keys(search).length > 0) throw new UsageError('--local lists everything that is here')
        const images = await withNode(shell, flags, (client) => client.images({ signal }))
        printList(shell, images, { ...flags, ...LOCAL_VIEW })
      } else {
        const images = await withTracker(shell, flags, ({ client }) => client.images.list(search, { signal }))
        printList(shell, images, { ...flags, ...IMAGE_LIST })
      }
    }),
  )
}

function searchOf(words: readonly string[], { sort, desc, limit }: Flags): ImageSearch {
  if (desc === true && sort === undefined) throw new UsageError('--desc needs --sort, the field to sort by')
  return {
    ...parseFields(words),
    ...(sort !== undefined && { sort, dir: desc === true ? 'desc' : 'asc' }),
    ...(limit !== undefined && { limit }),
  }
}

const LOCAL_VIEW: ListView<LocalImage> = {
  columns: [
    { title: 'image', cell: nameOf },
    { title: 'version', cell: ({ version }) => String(version), right: true },
    { title: 'tag', cell: ({ tag }) => tag ?? '' },
    { title: 'size', cell: ({ size }) => formatBytes(size), right: true },
    { title: 'state', cell: ({ complete }) => (complete ? 'complete' : 'partial') },
    { title: 'pulled', cell: ({ pulledAt }) => new Date(pulledAt).toISOString() },
  ],
  name: (image) => `${nameOf(image)}@${image.version}`,
}
