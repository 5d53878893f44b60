import type { Command } from 'commander'
import type { LocalImage } from '../api/node-schemas.ts'
import type { ImageView } from '../api/tracker-schemas.ts'
import { withNode, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, type ListView, printList } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatBytes } from './units.ts'

type Flags = FormatFlags & SettingFlags & { local?: true }

export function addImageLs(image: Command, shell: Shell): void {
  const command = image
    .command('ls')
    .alias('list')
    .description('list the images of the tracker, or those that this machine holds')
    .option('--local', "images in the store of this machine's node")
  addFormatOption(command)
  addSettingOptions(command, [...TRACKER_KEYS, ...NODE_KEYS])
  teach(command, [
    ['bootswarm image ls', 'what there is to boot'],
    ['bootswarm image ls --local -o json', 'what is here already, for a script'],
  ])
  command.action((flags: Flags) =>
    interruptible('nothing was changed', async (signal) => {
      if (flags.local === true) {
        const images = await withNode(shell, flags, (client) => client.images({ signal }))
        printList(shell, images, { ...flags, ...LOCAL_VIEW })
      } else {
        const images = await withTracker(shell, flags, ({ client }) => client.listImages({ signal }))
        printList(shell, images, { ...flags, ...TRACKER_VIEW })
      }
    }),
  )
}

const TRACKER_VIEW: ListView<ImageView> = {
  columns: [
    { title: 'image', cell: nameOf },
    { title: 'versions', cell: ({ versions }) => String(versions.length), right: true },
    { title: 'tags', cell: ({ tags }) => tagsOf(tags) },
    { title: 'size', cell: ({ versions }) => formatSize(newest(versions)?.size), right: true },
    { title: 'pushed', cell: ({ versions }) => newest(versions)?.createdAt ?? '' },
  ],
  name: nameOf,
}

const LOCAL_VIEW: ListView<LocalImage> = {
  columns: [
    { title: 'image', cell: nameOf },
    { title: 'version', cell: ({ version }) => String(version), right: true },
    { title: 'tag', cell: ({ tag }) => tag ?? '' },
    { title: 'size', cell: ({ size }) => formatSize(size), right: true },
    { title: 'state', cell: ({ complete }) => (complete ? 'complete' : 'partial') },
    { title: 'pulled', cell: ({ pulledAt }) => new Date(pulledAt).toISOString() },
  ],
  name: (image) => `${nameOf(image)}@${image.version}`,
}

function nameOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`
}

function newest<Version extends { version: number }>(versions: readonly Version[]): Version | undefined {
  return versions.reduce<Version | undefined>(
    (best, one) => (best === undefined || one.version > best.version ? one : best),
    undefined,
  )
}

function formatSize(bytes: number | undefined): string {
  return bytes === undefined ? '' : formatBytes(bytes)
}

function tagsOf(tags: Record<string, number>): string {
  return Object.entries(tags)
    .map(([tag, version]) => `${tag}=${version}`)
    .sort()
    .join(' ')
}
