import type { Command } from 'commander'
import type { TrackerClient } from '../api/tracker-client.ts'
import type { CallOptions } from '../core/blockstore.ts'
import { UsageError } from '../core/errors.ts'
import type { Reference } from '../core/reference.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { parseWholeImage } from './image-fields.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

type Flags = SettingFlags & { user?: string[]; group?: string[]; node?: string[] }
type Way = 'share' | 'unshare'
type ImageKey = Pick<Reference, 'namespace' | 'name'>

/** `image share` and `image unshare`. */
export function addImageShare(image: Command, shell: Shell): void {
  const share = sharing(image, shell, {
    way: 'share',
    meaning: 'let users, the members of groups, or nodes read an image',
  })
  teach(share, [
    [
      'bootswarm image share alice/debian --user bob --group physics',
      'for one user, and for a group of yours',
    ],
    ['bootswarm image share alice/debian --group users', 'for every user'],
    [
      'bootswarm image share alice/debian --node hv-17',
      'for one hypervisor, where a namespace keeps nodes out',
    ],
  ])
  const unshare = sharing(image, shell, { way: 'unshare', meaning: 'take an image back from them' })
  teach(unshare, [['bootswarm image unshare alice/debian --user bob', 'in force at the tracker at once']])
}

function sharing(image: Command, shell: Shell, init: { way: Way; meaning: string }): Command {
  const { way } = init
  const command = image
    .command(way)
    .argument('<image>', 'namespace/name')
    .description(init.meaning)
    .option('--user <user>', 'a user; may be repeated', collect)
    .option('--group <group>', 'a group that you are in; may be repeated', collect)
    .option('--node <node>', 'an enrolled node; may be repeated', collect)
  addSettingOptions(command, TRACKER_KEYS)
  return command.action((text: string, flags: Flags) =>
    interruptible('run it again', async (signal) => {
      const key = parseWholeImage(text)
      const { user = [], group = [], node = [] } = flags
      if (user.length + group.length + node.length === 0)
        throw new UsageError('say with whom: --user, --group or --node')
      await withTracker(shell, flags, ({ client }) => change(client, way, { key, flags, signal }))
      const names = [...user, ...group, ...node].join(', ')
      const done = way === 'share' ? `${text} is shared with` : `${text} is no longer shared with`
      shell.terminal.stderr.write(`${done} ${names}\n`)
    }),
  )
}

async function change(
  { repoman, signed }: TrackerClient,
  way: Way,
  { key, flags, ...options }: CallOptions & { key: ImageKey; flags: Flags },
): Promise<void> {
  const image = { owner: key.namespace, image: key.name }
  for (const user of flags.user ?? []) await repoman[way](image, { user }, options)
  for (const group of flags.group ?? []) await repoman[way](image, { group }, options)
  const right = way === 'share' ? 'read' : 'none'
  for (const subject of flags.node ?? [])
    await signed.changeAcl(key, { entry: { kind: 'node', subject, right } }, options)
}

function collect(name: string, before: string[] = []): string[] {
  return [...before, name]
}
