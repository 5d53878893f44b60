import type { Command } from 'commander'
import type { NodeClient } from '../api/node-client.ts'
import { NotFoundError } from '../core/errors.ts'
import { formatReference, parseReference, type Reference } from '../core/reference.ts'
import { confirm } from './confirm.ts'
import { withNode, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { versionOf } from './records.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

type Flags = SettingFlags & { local?: true; yes?: true }

export function addImageRm(image: Command, shell: Shell): void {
  const command = image
    .command('rm')
    .alias('remove')
    .argument('<image>', 'namespace/name is all of it, :tag one tag, @version one version')
    .description('remove an image, a version or a tag')
    .option('--local', "only from the store of this machine's node")
    .option('-y, --yes', 'do not ask')
  addSettingOptions(command, [...TRACKER_KEYS, ...NODE_KEYS])
  teach(command, [
    ['bootswarm image rm site/debian:testing', 'the tag alone; its version stays'],
    ['bootswarm image rm site/debian@3', 'one version'],
    ['bootswarm image rm site/debian --yes', 'the image with every version'],
    ['bootswarm image rm --local site/debian', 'make space here; the tracker keeps it'],
  ])
  command.action((text: string, flags: Flags) =>
    interruptible('run it again', async (signal) => {
      const asked = parseReference(text)
      if (flags.local === true) {
        await withNode(shell, flags, (client) => removeHere(client, asked, signal))
      } else {
        if (isWhole(asked) && flags.yes !== true)
          await confirm(shell, `${formatReference(asked)} with every version`, { yes: '--yes', signal })
        await withTracker(shell, flags, ({ client }) => removeAtTracker(client, asked, signal))
      }
      shell.terminal.stderr.write(`removed ${formatReference(asked)}\n`)
    }),
  )
}

type Client = Parameters<Parameters<typeof withTracker>[2]>[0]['client']

async function removeAtTracker(client: Client, asked: Reference, signal: AbortSignal): Promise<void> {
  const { namespace, name, tag } = asked
  if (isWhole(asked)) return await client.removeImage(namespace, name, { signal })
  if (tag !== undefined) return await client.removeTag({ namespace, name, tag }, { signal })
  const version = versionOf(await client.getImage(namespace, name, { signal }), asked)
  await client.removeVersion({ namespace, name, version }, { signal })
}

/** Without a tag or version, every version that is here. */
async function removeHere(client: NodeClient, asked: Reference, signal: AbortSignal): Promise<void> {
  if (!isWhole(asked)) return await client.remove(formatReference(asked), { signal })
  const images = await client.images({ signal })
  const here = images.filter(({ namespace, name }) => namespace === asked.namespace && name === asked.name)
  if (here.length === 0) throw new NotFoundError(`${formatReference(asked)} is not on this machine`)
  for (const { version } of here) await client.remove(formatReference({ ...asked, version }), { signal })
}

function isWhole({ tag, version, manifest }: Reference): boolean {
  return tag === undefined && version === undefined && manifest === undefined
}
