import { type Command, Option } from 'commander'
import { parseNamespace } from '../core/reference.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import type { Shell } from './shell.ts'

export function addNamespaceCommands(program: Command, shell: Shell): void {
  const namespace = program.command('namespace').description('whose images are where')
  addLs(namespace, shell)
  addAdd(namespace, shell)
  addRm(namespace, shell)
}

function addLs(parent: Command, shell: Shell): void {
  const command = parent.command('ls').alias('list').description('list namespaces and their owners')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.action(async (flags: FormatFlags & SettingFlags) => {
    const namespaces = await withTracker(shell, flags, ({ client }) => client.namespaces.list())
    printList(shell, namespaces, {
      ...flags,
      columns: [
        { title: 'namespace', cell: ({ namespace }) => namespace },
        { title: 'owner', cell: ({ user, group }) => user ?? `${group} (group)` },
        { title: 'created', cell: ({ created }) => created },
      ],
      name: ({ namespace }) => namespace,
    })
  })
}

function addAdd(parent: Command, shell: Shell): void {
  const command = parent
    .command('add')
    .argument('<name>')
    .description('make a namespace; yours unless an owner is given')
    .option('-u, --user <user>', 'who is to own it')
    .addOption(new Option('-g, --group <group>', 'whose members are to write in it').conflicts('user'))
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm namespace add atlas --group physics', 'a place for the images of a group']])
  command.action(async (name: string, flags: SettingFlags & { user?: string; group?: string }) => {
    const { user, group } = flags
    const owner = user !== undefined ? { user } : group !== undefined ? { group } : {}
    const init = { namespace: parseNamespace(name), ...owner }
    await withTracker(shell, flags, ({ client }) => client.namespaces.create(init))
    shell.terminal.stderr.write(`made the namespace ${name}\n`)
  })
}

function addRm(parent: Command, shell: Shell): void {
  const command = parent
    .command('rm')
    .alias('remove')
    .argument('<name>')
    .description('remove a namespace that has no images')
  addSettingOptions(command, TRACKER_KEYS)
  command.action(async (name: string, flags: SettingFlags) => {
    await withTracker(shell, flags, ({ client }) => client.namespaces.remove(parseNamespace(name)))
    shell.terminal.stderr.write(`removed ${name}\n`)
  })
}
