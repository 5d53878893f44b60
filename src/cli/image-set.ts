import type { Command } from 'commander'
import { UsageError } from '../core/errors.ts'
import { METADATA_FIELDS } from '../core/metadata.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { parseFields, parseWholeImage } from './image-fields.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

export function addImageSet(image: Command, shell: Shell): void {
  const command = image
    .command('set')
    .argument('<image>', 'namespace/name')
    .argument('<field=value...>', 'what is to be changed; an empty value clears it')
    .description('change what is said of an image')
  addSettingOptions(command, TRACKER_KEYS)
  command.addHelpText('after', fieldsText)
  teach(command, [
    ['bootswarm image set alice/debian description="Debian 12 with CUDA" keywords=gpu,cuda', 'to find it by'],
    [
      'bootswarm image set alice/debian property.ticket=OPS-17 kernel=',
      'a free pair; and no kernel any more',
    ],
    ['bootswarm image set alice/debian read_only=true', 'no change and no new version from now on'],
    ['bootswarm image set alice/debian state=locked', 'only who may write reads it'],
    ['bootswarm image set alice/debian expires=2030-12-31', 'for its owner alone after that day'],
    ['bootswarm image set alice/debian owner=bob', 'bob/debian from now on'],
  ])
  command.action((text: string, words: string[], flags: SettingFlags) =>
    interruptible('run it again', async (signal) => {
      const key = parseWholeImage(text)
      const fields = parseFields(words)
      if (words.length === 0) throw new UsageError('say what to change: field=value')
      await withTracker(shell, flags, ({ client }) => client.images.change(key, fields, { signal }))
      shell.terminal.stderr.write(`changed ${Object.keys(fields).join(' ')} of ${text}\n`)
    }),
  )
}

function fieldsText(): string {
  const owners = METADATA_FIELDS.filter(({ setBy }) => setBy === 'owner')
  const width = Math.max(...owners.map(({ name }) => name.length))
  const lines = owners.map(({ name, about, values, settable }) => {
    const choices = settable ?? values
    return `  ${name.padEnd(width)}  ${about}${choices === undefined ? '' : ` (${choices.join(' ')})`}`
  })
  return `\nFields:\n${lines.join('\n')}\n  ${'property.KEY'.padEnd(width)}  whatever else the image is to say`
}
