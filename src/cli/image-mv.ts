import type { Command } from 'commander'
import { parseImageName } from '../core/reference.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { parseWholeImage } from './image-fields.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

export function addImageMv(image: Command, shell: Shell): void {
  const command = image
    .command('mv')
    .alias('rename')
    .argument('<image>', 'namespace/name')
    .argument('<name>', 'its new name, or namespace/name')
    .description('give an image another name, or move it into another namespace')
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image mv alice/debian-test debian', 'alice/debian from now on, with its tags and versions'],
    ['bootswarm image mv alice/debian physics/debian', "into a group's namespace"],
  ])
  command.action((text: string, to: string, flags: SettingFlags) =>
    interruptible('run it again', async (signal) => {
      const from = parseWholeImage(text)
      const target = to.includes('/') ? parseWholeImage(to) : { ...from, name: parseImageName(to) }
      await withTracker(shell, flags, ({ client }) => client.images.change(from, target, { signal }))
      shell.terminal.stderr.write(`${text} is ${target.namespace}/${target.name} now\n`)
    }),
  )
}
