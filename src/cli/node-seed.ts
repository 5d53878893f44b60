import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Seed } from '../api/seed-schemas.ts'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printList } from './output.ts'
import { addProgressOption, openProgress, type ProgressFlags } from './progress.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatBytes } from './units.ts'

type Flags = FormatFlags & SettingFlags

const LIST = {
  columns: [
    { title: 'seed', cell: ({ path }: Seed) => path },
    { title: 'size', cell: ({ size }: Seed) => formatBytes(size), right: true },
    { title: 'blocks', cell: ({ blocks }: Seed) => String(blocks), right: true },
    { title: 'state', cell: ({ state }: Seed) => state },
  ],
  name: ({ path }: Seed) => path,
}

export function addNodeSeed(node: Command, shell: Shell): void {
  const seed = node
    .command('seed')
    .description('disk images and volumes of this machine whose blocks pulls use instead of fetching them')
  addAdd(seed, shell)
  addLs(seed, shell)
  addRm(seed, shell)
}

function addAdd(seed: Command, shell: Shell): void {
  const command = seed
    .command('add')
    .argument('<file...>', 'raw disk images or block devices inside one of seed.directories of the node')
    .description('read files once and remember their blocks; again after a file has changed')
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [
    ['bootswarm node seed add /var/lib/libvirt/images/debian-11.img', 'an image from before'],
    ['bootswarm node seed add /dev/vg0/old', 'a volume that nothing writes to'],
  ])
  command.action((files: string[], flags: Flags & ProgressFlags) =>
    interruptible('the node goes on with it; bootswarm node seed ls', async (signal) => {
      const progress = openProgress(shell, flags)
      const added = await withNode(shell, flags, (client) =>
        client.addSeeds(absolute(files), {
          signal,
          onProgress: ({ path, bytes, bytesTotal }) =>
            progress.update({ label: 'reading', done: bytes, total: bytesTotal, detail: path }),
        }),
      ).finally(() => progress.end())
      printList(shell, added, { ...flags, ...LIST })
    }),
  )
}

function addLs(seed: Command, shell: Shell): void {
  const command = seed.command('ls').description('seeds, and whether they are still what they were')
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [['bootswarm node seed ls', 'which files help']])
  command.action((flags: Flags) =>
    interruptible('nothing was changed', async (signal) => {
      const seeds = await withNode(shell, flags, (client) => client.seeds({ signal }))
      printList(shell, seeds, { ...flags, ...LIST })
    }),
  )
}

function addRm(seed: Command, shell: Shell): void {
  const command = seed
    .command('rm')
    .argument('<file...>', 'as node seed ls shows them')
    .description('forget seeds; the files stay, and so do images that were made of them')
  addSettingOptions(command, NODE_KEYS)
  teach(command, [['bootswarm node seed rm /dev/vg0/old', 'before the volume goes']])
  command.action((files: string[], flags: SettingFlags) =>
    interruptible('nothing was changed', (signal) =>
      withNode(shell, flags, (client) => client.removeSeeds(absolute(files), { signal })),
    ),
  )
}

/** The node resolves nothing against the directory of the command. */
function absolute(files: readonly string[]): string[] {
  return files.map((file) => resolve(file))
}
