import type { Command } from 'commander'
import type { DiskObject } from '../api/disk-schemas.ts'
import { withNode } from './connect.ts'
import { describeDisk, formatWait, shareHere } from './disk-text.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, type ListView, printItem, printList } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatBytes } from './units.ts'

const name = (disk: DiskObject) => disk.name

const VIEW: ListView<DiskObject> = {
  columns: [
    { title: 'disk', cell: name },
    figure('reads', ({ reads }) => String(reads)),
    figure('read', ({ readBytes }) => formatBytes(readBytes)),
    figure('local', ({ localShare }) => `${Math.floor(localShare * 100)} %`),
    figure('waits', ({ waits }) => String(waits)),
    figure('p50', ({ waitSeconds }) => formatWait(waitSeconds.p50)),
    figure('p95', ({ waitSeconds }) => formatWait(waitSeconds.p95)),
    figure('p99', ({ waitSeconds }) => formatWait(waitSeconds.p99)),
    figure('longest', ({ waitSeconds }) => formatWait(waitSeconds.max)),
    figure('stalls', ({ stalls }) => String(stalls)),
    figure('errors', ({ errors }) => String(errors)),
    { title: 'here', cell: shareHere, right: true },
  ],
  name,
}

function figure(title: string, cell: (figures: NonNullable<DiskObject['figures']>) => string) {
  const text = ({ figures }: DiskObject) => (figures === undefined ? '' : cell(figures))
  return { title, cell: text, right: true }
}

export function addDiskStat(disk: Command, shell: Shell): void {
  const command = disk
    .command('stat')
    .argument('[disk]', 'one of them, with everything that is known of it')
    .description('what machines have read, how long they waited for other machines, and how much is here')
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [
    ['bootswarm disk stat', 'all disks since they were attached or the node started'],
    ['bootswarm disk stat site-debian-3 -o json', 'one of them, for a script'],
  ])
  command.action((wanted: string | undefined, flags: FormatFlags & SettingFlags) =>
    interruptible('nothing was changed', (signal) =>
      withNode(shell, flags, async (client) => {
        if (wanted === undefined) printList(shell, await client.disks.list({ signal }), { ...flags, ...VIEW })
        else
          printItem(shell, await client.disks.get(wanted, { signal }), { ...flags, text: describeDisk, name })
      }),
    ),
  )
}
