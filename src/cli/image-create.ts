import type { Command } from 'commander'
import type { ImageObject } from '../api/image-schemas.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { parseFields, parseWholeImage } from './image-fields.ts'
import { describeImage } from './image-text.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

export function addImageCreate(image: Command, shell: Shell): void {
  const command = image
    .command('create')
    .argument('<image>', 'namespace/name, which must be free')
    .argument('[field=value...]', 'what is to be said of it')
    .description('make an image without bytes, to be pushed to later; a push makes one by itself')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image create alice/debian os_variant="Debian 12" hypervisor=kvm,xen', 'a slot'],
    [
      'bootswarm image create alice/debian unauthenticated_access=true',
      'that everybody will be able to read',
    ],
  ])
  command.action((text: string, words: string[], flags: FormatFlags & SettingFlags) =>
    interruptible('run it again', async (signal) => {
      const key = parseWholeImage(text)
      const fields = parseFields(words)
      const made: ImageObject = await withTracker(shell, flags, ({ client }) =>
        client.images.create(key, fields, { signal }),
      )
      const name = (item: ImageObject) => `${item.namespace}/${item.name}`
      printItem(shell, made, { ...flags, text: describeImage, name })
    }),
  )
}
