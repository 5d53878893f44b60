import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Argument, type Command } from 'commander'
import { UsageError } from '../../core/errors.ts'
import { teach } from '../help.ts'
import { addFormatOption, type FormatFlags, printItem, printList } from '../output.ts'
import type { Shell } from '../shell.ts'
import { installFiles } from './install-files.ts'
import { type ServiceFile, serviceFiles } from './service-files.ts'
import { SERVICE_PROGRAMS, type ServiceProgram } from './unit.ts'

interface Flags extends FormatFlags {
  readonly config?: string
}

/** `bootswarm service`: node and tracker under systemd. */
export function addServiceCommands(program: Command, shell: Shell): void {
  const service = program.command('service').description('run a node or a tracker under systemd')
  addPrint(service, shell)
  addInstall(service, shell)
}

function programArgument(): Argument {
  return new Argument('<program>', 'what it runs').choices(SERVICE_PROGRAMS)
}

function addPrint(service: Command, shell: Shell): void {
  const command = service
    .command('print')
    .description('show the files that `install` would write')
    .addArgument(programArgument())
    .option('--config <file>', 'its configuration; /etc/bootswarm/node.yaml or tracker.yaml unless given')
  addFormatOption(command)
  teach(command, [['bootswarm service print node', 'unit, user, directories and AppArmor rules']])
  command.action(async (name: ServiceProgram, flags: Flags) => {
    const files = await filesOf(shell, name, flags)
    printItem(shell, files, {
      ...flags,
      text: (all) => all.map(({ path, text }) => `### ${path}\n${text}`).join('\n'),
      name: (all) => all.map(({ path }) => path).join('\n'),
    })
  })
}

function addInstall(service: Command, shell: Shell): void {
  const command = service
    .command('install')
    .description('write the unit of a node or a tracker and what it needs; nothing is started')
    .addArgument(programArgument())
    .option('--config <file>', 'its configuration; /etc/bootswarm/node.yaml or tracker.yaml unless given')
    .option('--root <dir>', 'write below this directory, for images of hosts', '/')
  addFormatOption(command)
  teach(command, [
    ['bootswarm service install node', 'as root, on a hypervisor'],
    ['bootswarm service install node --root /mnt/host', 'into the file system of another host'],
  ])
  command.action(async (name: ServiceProgram, flags: Flags & { root: string }) => {
    const written = await installFiles(await filesOf(shell, name, flags), { root: resolve(flags.root) })
    printList(shell, written, {
      ...flags,
      name: ({ path }) => path,
      columns: [
        { title: 'state', cell: ({ state }) => state },
        { title: 'file', cell: ({ path }) => path },
      ],
    })
    shell.terminal.stderr.write(nextSteps(name))
  })
}

async function filesOf(shell: Shell, program: ServiceProgram, flags: Flags): Promise<ServiceFile[]> {
  const config = resolve(flags.config ?? `/etc/bootswarm/${program}.yaml`)
  const [, script] = process.argv
  if (script === undefined) throw new UsageError('start it as bootswarm or scripts/bootswarm.js')
  const places = await shell.programs.servicePlaces({ program, config })
  return serviceFiles({
    program,
    config,
    places,
    runtime: process.execPath,
    launcher: await realpath(script),
  })
}

function nextSteps(program: ServiceProgram): string {
  const lines = [
    `Now: systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload`,
    `Give its key to its user (see /etc/sysusers.d/bootswarm-${program}.conf): chown, mode 0600`,
    `Then: systemctl enable --now bootswarm-${program}`,
  ]
  return `${lines.join('\n')}\n`
}
