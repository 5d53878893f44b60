import type { Command } from 'commander'
import { parseReference, parseTag } from '../core/reference.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { versionOf } from './records.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

export function addImageTag(image: Command, shell: Shell): void {
  const command = image
    .command('tag')
    .argument('<image>', 'the version: namespace/name@3, or namespace/name:tag')
    .argument('<tag>', 'the tag that shall point to it')
    .description('let a tag point to a version; moving it back is how a roll-back is done')
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image tag site/debian@3 stable', 'stable is version 3 from now on'],
    ['bootswarm image tag site/debian:12.4 latest', 'latest is what 12.4 is'],
  ])
  command.action((text: string, tagText: string, flags: SettingFlags) =>
    interruptible('run it again', async (signal) => {
      const asked = parseReference(text)
      const tag = parseTag(tagText)
      const { namespace, name } = asked
      await withTracker(shell, flags, async ({ client }) => {
        const version = versionOf(await client.getImage(namespace, name, { signal }), asked)
        await client.setTag({ namespace, name, tag, version }, { signal })
        shell.terminal.stderr.write(`${namespace}/${name}:${tag} is version ${version} now\n`)
      })
    }),
  )
}
