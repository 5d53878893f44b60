import type { Command } from 'commander'
import type { ImageObject } from '../api/image-schemas.ts'
import { parseReference } from '../core/reference.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { describeImage, nameOf } from './image-text.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { fetchRecord, versionOf } from './records.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

type Flags = FormatFlags & SettingFlags & { record?: true }

export function addImageShow(image: Command, shell: Shell): void {
  const command = image
    .command('show')
    .argument('<image>', 'namespace/name, with :tag or @version for that version alone')
    .description('show an image with what is said of it, its tags and versions')
    .option('--record', 'print the signed record instead: what image verify --record takes')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image show site/debian', 'every version, newest first'],
    ['bootswarm image show site/debian:12 -o json', 'the version that a tag points to'],
    ['bootswarm image show site/debian:12 --record >debian.jws', 'keep the signed record'],
  ])
  command.action((text: string, flags: Flags) =>
    interruptible('nothing was changed', async (signal) => {
      const asked = parseReference(text)
      const { namespace, name } = asked
      if (flags.record === true) {
        const options = { signal, nowMs: shell.clock.now() }
        const { jws } = await withTracker(shell, flags, (session) => fetchRecord(session, asked, options))
        shell.terminal.stdout.write(`${jws}\n`)
        return
      }
      const view = await withTracker(shell, flags, ({ client }) =>
        client.images.get({ namespace, name }, { signal }),
      )
      printItem(shell, /[:@]/.test(text) ? onlyVersion(view, versionOf(view, asked)) : view, {
        ...flags,
        text: describeImage,
        name: nameOf,
      })
    }),
  )
}

function onlyVersion(view: ImageObject, version: number): ImageObject {
  const tags = Object.fromEntries(Object.entries(view.tags).filter(([, of]) => of === version))
  return { ...view, tags, versions: view.versions.filter((one) => one.version === version) }
}
