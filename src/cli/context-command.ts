import type { Command } from 'commander'
import { NotFoundError } from '../core/errors.ts'
import { type Context, configFilePath, readConfigFile, writeContext } from './config-file.ts'
import { withGridPlaces } from './grid.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem, printList } from './output.ts'
import {
  addSettingOptions,
  loadSettings,
  NODE_KEYS,
  resolveSettings,
  type SettingFlags,
  type SettingKey,
  TRACKER_KEYS,
} from './settings.ts'
import type { Shell } from './shell.ts'
import { formatTable } from './table.ts'

const ALL_KEYS: readonly SettingKey[] = [...TRACKER_KEYS, ...NODE_KEYS]

export function addContextCommands(program: Command, shell: Shell): void {
  const context = program.command('context').description('whom commands talk to, kept under a name')
  addLs(context, shell)
  addShow(context, shell)
  addUse(context, shell)
  addAdd(context, shell)
}

function addLs(parent: Command, shell: Shell): void {
  const command = parent.command('ls').description('list the contexts of the configuration file')
  addFormatOption(command).action(async (flags: FormatFlags) => {
    const file = await readConfigFile(configFilePath(shell.terminal.env))
    const rows = Object.entries(file.contexts ?? {}).map(([name, context]) => ({
      name,
      current: name === file.current,
      ...context,
    }))
    printList(shell, rows, {
      ...flags,
      columns: [
        { title: 'current', cell: ({ current }) => (current ? '*' : '') },
        { title: 'name', cell: ({ name }) => name },
        { title: 'tracker', cell: ({ tracker }) => tracker?.url ?? '' },
        { title: 'node', cell: ({ node }) => node?.socket ?? '' },
      ],
      name: ({ name }) => name,
    })
  })
}

function addShow(parent: Command, shell: Shell): void {
  const command = parent
    .command('show')
    .description('show what commands will use, and where each value comes from')
  addFormatOption(command)
  addSettingOptions(command, ALL_KEYS)
  command.action(async (flags: FormatFlags & SettingFlags) => {
    const settings = await withGridPlaces(shell, await loadSettings(shell, flags))
    printItem(shell, settings, {
      ...flags,
      text: ({ values }) =>
        formatTable(
          [
            { title: 'setting', cell: ([key]) => key },
            { title: 'value', cell: ([, setting]) => setting.value },
            { title: 'from', cell: ([, setting]) => setting.from },
          ],
          Object.entries(values),
        ),
      name: ({ context }) => context ?? '',
    })
  })
}

function addUse(parent: Command, shell: Shell): void {
  const command = parent.command('use').argument('<name>').description('make a context the current one')
  command.action(async (name: string) => {
    const path = configFilePath(shell.terminal.env)
    const file = await readConfigFile(path)
    if (file.contexts?.[name] === undefined)
      throw new NotFoundError(`there is no context "${name}" in ${path}`)
    await writeContext(path, name, { current: true })
    shell.terminal.stderr.write(`now using ${name}\n`)
  })
}

function addAdd(parent: Command, shell: Shell): void {
  const command = parent
    .command('add')
    .argument('<name>')
    .description('keep a context in the configuration file')
    .option('--use', 'and make it the current one (the first one is anyway)')
  addSettingOptions(command, ALL_KEYS)
  teach(command, [
    [
      'bootswarm context add site --tracker https://tracker.example:8443 --certificate alice.pem --key alice.key --ca ca.pem',
      'talk to a tracker as Alice',
    ],
  ])
  command.action(async (name: string, flags: SettingFlags & { use?: true }) => {
    const path = configFilePath(shell.terminal.env)
    await writeContext(path, name, { context: contextOf(flags), current: flags.use === true })
    shell.terminal.stderr.write(`kept ${name} in ${path}\n`)
  })
}

/** A context of what the flags give; environment and other contexts do not creep in. */
function contextOf({ context: _, ...flags }: SettingFlags): Context {
  const { values } = resolveSettings({ flags, env: {}, path: '', file: {} })
  const { tracker, certificate, key, ca } = values
  return {
    ...(tracker && {
      tracker: { url: tracker.value, ...(flags.trackerName !== undefined && { name: flags.trackerName }) },
    }),
    ...((certificate ?? key ?? ca) && {
      identity: {
        ...(certificate && { certificate: certificate.value }),
        ...(key && { key: key.value }),
        ...(ca && { ca: ca.value }),
      },
    }),
    ...(flags.socket !== undefined && values.socket && { node: { socket: values.socket.value } }),
  }
}
