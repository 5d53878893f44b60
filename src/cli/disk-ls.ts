import type { Command } from 'commander'
import type { DiskObject } from '../api/disk-schemas.ts'
import { withNode } from './connect.ts'
import { imageOf, shareHere } from './disk-text.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, type ListView, printList } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatBytes, printable } from './units.ts'

const VIEW: ListView<DiskObject> = {
  columns: [
    { title: 'disk', cell: ({ name }) => name },
    { title: 'image', cell: imageOf },
    { title: 'size', cell: ({ size }) => formatBytes(size), right: true },
    { title: 'here', cell: shareHere, right: true },
    { title: 'state', cell: ({ state }) => state },
    { title: 'clients', cell: ({ connections }) => String(connections), right: true },
    { title: 'socket', cell: ({ socket }) => socket },
  ],
  name: ({ name }) => name,
}

export function addDiskLs(disk: Command, shell: Shell): void {
  const command = disk
    .command('ls')
    .alias('list')
    .description('disks that are attached, how much of them is here, and who uses them')
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [
    ['bootswarm disk ls', 'what machines can use'],
    ['bootswarm disk ls -o name', 'their names alone, for a script'],
  ])
  command.action((flags: FormatFlags & SettingFlags) =>
    interruptible('nothing was changed', async (signal) => {
      const disks = await withNode(shell, flags, (client) => client.disks.list({ signal }))
      printList(shell, disks, { ...flags, ...VIEW })
      if (flags.format !== 'table') return
      for (const { name, reason, fillReason } of disks)
        for (const why of [reason, fillReason])
          if (why !== undefined) shell.terminal.stderr.write(`${name}: ${printable(why)}\n`)
    }),
  )
}
