import type { Command } from 'commander'
import type { RepomanClient, RepomanGroup } from '../api/repoman-client.ts'
import { fillPath, TRACKER_PATHS } from '../api/tracker-paths.ts'
import { PERMISSIONS, parsePermission } from '../core/permission.ts'
import { confirm } from './confirm.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import type { Shell } from './shell.ts'
import { formatFacts } from './table.ts'
import { atTracker, detailsOf } from './user-command.ts'

export function addGroupCommands(program: Command, shell: Shell): void {
  const group = program.command('group').description('groups of users, and what their members may do')
  addLs(group, shell)
  addShow(group, shell)
  addAdd(group, shell)
  addChanges(group, shell)
  addMv(group, shell)
  addRm(group, shell)
}

function addLs(parent: Command, shell: Shell): void {
  const command = parent
    .command('ls')
    .alias('list')
    .description('list groups')
    .option('-u, --user <user>', 'only the groups of this user')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.action((flags: FormatFlags & SettingFlags & { user?: string }) =>
    atTracker(shell, flags, async (client, signal) => {
      const { user } = flags
      const path = user === undefined ? TRACKER_PATHS.groups : fillPath(TRACKER_PATHS.userGroups, { user })
      const groups = await detailsOf(await client.urls(path, { signal }), (name) =>
        client.group(name, { signal }),
      )
      printList(shell, groups, {
        ...flags,
        columns: [
          { title: 'name', cell: ({ name }) => name },
          { title: 'users', cell: ({ users }) => String(users.length), right: true },
          { title: 'permissions', cell: ({ permissions }) => permissionsText(permissions) },
        ],
        name: ({ name }) => name,
      })
    }),
  )
}

function addShow(parent: Command, shell: Shell): void {
  const command = parent.command('show').argument('<group>').description('show a group')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.action((name: string, flags: FormatFlags & SettingFlags) =>
    atTracker(shell, flags, async (client, signal) => {
      const group = await client.group(name, { signal })
      printItem(shell, group, { ...flags, text: describe, name: (one) => one.name })
    }),
  )
}

function describe({ name, users, permissions }: RepomanGroup): string {
  const members = users.map((url) => decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)))
  return formatFacts([
    ['name', name],
    ['users', members.join(' ') || 'none'],
    ['permissions', permissionsText(permissions)],
  ])
}

function permissionsText(permissions: readonly string[]): string {
  if (permissions.length === PERMISSIONS.length) return 'all'
  return permissions.join(' ') || 'none'
}

function addAdd(parent: Command, shell: Shell): void {
  const command = parent
    .command('add')
    .argument('<name>')
    .description('make a group')
    .option('--user <user...>', 'its first members')
    .option('--permission <permission...>', 'what its members may do')
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    [
      'bootswarm group add physics --user alice bob',
      'share images with all of them: image share --group physics',
    ],
  ])
  type Flags = SettingFlags & { user?: string[]; permission?: string[] }
  command.action((name: string, { user = [], permission = [], ...flags }: Flags) => {
    const permissions = permission.map(parsePermission)
    return atTracker(shell, flags, async (client, signal) => {
      const users = user.length === 0 ? {} : { users: user.join(',') }
      await client.createGroup({ name, ...users }, { signal })
      for (const one of permissions) await client.addPermission(name, one, { signal })
      shell.terminal.stderr.write(`made the group ${name}\n`)
    })
  })
}

type Change = (
  client: RepomanClient,
  names: { group: string; one: string },
  signal: AbortSignal,
) => Promise<void>

const CHANGES: readonly (readonly [
  verb: string,
  what: 'users' | 'permissions',
  meaning: string,
  change: Change,
])[] = [
  [
    'join',
    'users',
    'let users into a group',
    (client, { group, one }, signal) => client.addUser(group, one, { signal }),
  ],
  [
    'leave',
    'users',
    'take users out of a group',
    (client, { group, one }, signal) => client.removeUserFrom(group, one, { signal }),
  ],
  [
    'allow',
    'permissions',
    'allow members of a group more',
    (client, { group, one }, signal) => client.addPermission(group, one, { signal }),
  ],
  [
    'deny',
    'permissions',
    'allow members of a group less',
    (client, { group, one }, signal) => client.removePermission(group, one, { signal }),
  ],
]

function addChanges(parent: Command, shell: Shell): void {
  for (const [verb, what, meaning, change] of CHANGES) {
    const command = parent.command(verb).argument('<group>').argument(`<${what}...>`).description(meaning)
    addSettingOptions(command, TRACKER_KEYS)
    command.action((group: string, list: string[], flags: SettingFlags) => {
      const words = what === 'permissions' ? list.map(parsePermission) : list
      return atTracker(shell, flags, async (client, signal) => {
        for (const one of words) await change(client, { group, one }, signal)
        shell.terminal.stderr.write(`changed ${group}\n`)
      })
    })
  }
}

function addMv(parent: Command, shell: Shell): void {
  const command = parent
    .command('mv')
    .argument('<group>')
    .argument('<name>')
    .description('give a group another name')
  addSettingOptions(command, TRACKER_KEYS)
  command.action((group: string, name: string, flags: SettingFlags) =>
    atTracker(shell, flags, async (client, signal) => {
      await client.modifyGroup(group, { name }, { signal })
      shell.terminal.stderr.write(`${group} is ${name} now\n`)
    }),
  )
}

function addRm(parent: Command, shell: Shell): void {
  const command = parent
    .command('rm')
    .alias('remove')
    .argument('<group>')
    .description('remove a group; its members stay')
    .option('-y, --yes', 'do not ask')
  addSettingOptions(command, TRACKER_KEYS)
  command.action(async (name: string, flags: SettingFlags & { yes?: true }) => {
    if (flags.yes !== true) await confirm(shell, `the group ${name}`, { yes: '--yes' })
    await atTracker(shell, flags, (client, signal) => client.removeGroup(name, { signal }))
    shell.terminal.stderr.write(`removed ${name}\n`)
  })
}
