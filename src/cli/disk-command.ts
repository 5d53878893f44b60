import type { Command } from 'commander'
import { addDiskAttach } from './disk-attach.ts'
import { addDiskDetach } from './disk-detach.ts'
import { addDiskFlatten } from './disk-flatten.ts'
import { addDiskHoard } from './disk-hoard.ts'
import { addDiskLs } from './disk-ls.ts'
import { addDiskResume } from './disk-resume.ts'
import { addDiskStat } from './disk-stat.ts'
import type { Shell } from './shell.ts'

export function addDiskCommands(program: Command, shell: Shell): void {
  const disk = program
    .command('disk')
    .description('images as disks of the virtual machines of this hypervisor, before they have arrived')
  addDiskAttach(disk, shell)
  addDiskDetach(disk, shell)
  addDiskLs(disk, shell)
  addDiskStat(disk, shell)
  addDiskFlatten(disk, shell)
  addDiskHoard(disk, shell)
  addDiskResume(disk, shell)
}
