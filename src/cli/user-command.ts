import { type Command, Option } from 'commander'
import type { RepomanClient, RepomanFields, RepomanUser } from '../api/repoman-client.ts'
import { fillPath, TRACKER_PATHS } from '../api/tracker-paths.ts'
import { USER_STATES, type UserState } from '../core/permission.ts'
import { parallelMap } from '../image/parallel-map.ts'
import { confirm } from './confirm.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'
import { formatBytes } from './units.ts'
import { addUserUsage } from './user-usage.ts'

/** Requests under way at once for the details of a list. */
const REQUESTS_MAX = 8

interface Facts {
  readonly dn?: string
  readonly fullName?: string
  readonly email?: string
  readonly group?: readonly string[]
  readonly state?: UserState
  readonly quotaBytes?: string
  readonly quotaImages?: string
}

export function addUserCommands(program: Command, shell: Shell): void {
  const user = program.command('user').description('who may use the tracker')
  addLs(user, shell)
  addShow(user, shell)
  addAdd(user, shell)
  addSet(user, shell)
  addStates(user, shell)
  addRm(user, shell)
  addUserUsage(user, shell)
}

/** Runs `use` with the part of the tracker's interface that is about users and groups. */
export function atTracker<T>(
  shell: Shell,
  flags: SettingFlags,
  use: (client: RepomanClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return interruptible('run it again', (signal) =>
    withTracker(shell, flags, ({ client }) => use(client.repoman, signal)),
  )
}

/** The things behind addresses, in their order. */
export async function detailsOf<T>(urls: readonly string[], ask: (name: string) => Promise<T>): Promise<T[]> {
  const names = urls.map((url) => decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)))
  return await Array.fromAsync(parallelMap(REQUESTS_MAX, ask)(toAsync(names)))
}

async function* toAsync<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

function addLs(parent: Command, shell: Shell): void {
  const command = parent
    .command('ls')
    .alias('list')
    .description('list users')
    .option('-g, --group <group>', 'only the members of this group')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm user ls --group admins', 'who administers the tracker']])
  command.action((flags: FormatFlags & SettingFlags & { group?: string }) =>
    atTracker(shell, flags, async (client, signal) => {
      const { group } = flags
      const path = group === undefined ? TRACKER_PATHS.users : fillPath(TRACKER_PATHS.groupUsers, { group })
      const users = await detailsOf(await client.urls(path, { signal }), (name) =>
        client.user(name, { signal }),
      )
      printList(shell, users, {
        ...flags,
        columns: [
          { title: 'name', cell: (user) => user.user_name },
          { title: 'state', cell: (user) => user.state ?? '' },
          { title: 'full name', cell: (user) => user.full_name ?? '' },
          { title: 'images', cell: (user) => String(user.images.length), right: true },
          { title: 'groups', cell: (user) => user.groups.map(lastPart).join(' ') },
        ],
        name: (user) => user.user_name,
      })
    }),
  )
}

function addShow(parent: Command, shell: Shell): void {
  const command = parent.command('show').argument('[user]', 'you unless given').description('show a user')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.action((name: string | undefined, flags: FormatFlags & SettingFlags) =>
    atTracker(shell, flags, async (client, signal) => {
      const user = await (name === undefined ? client.whoami({ signal }) : client.user(name, { signal }))
      printItem(shell, user, { ...flags, text: describe, name: ({ user_name }) => user_name })
    }),
  )
}

function describe(user: RepomanUser): string {
  const { quota_bytes: bytes, quota_images: count } = user
  return formatFacts([
    ['name', user.user_name],
    ['full name', user.full_name ?? undefined],
    ['state', user.state ?? undefined],
    ['certificate', user.client_dn ?? undefined],
    ['e-mail', user.email ?? undefined],
    ['groups', user.groups.map(lastPart).join(' ')],
    ['images', user.images.map((url) => url.split('/').slice(-2).join('/')).join(' ') || 'none'],
    ['quota', typeof bytes === 'number' ? formatBytes(bytes) : undefined],
    ['quota of images', typeof count === 'number' ? String(count) : undefined],
  ])
}

function factOptions(command: Command): Command {
  return command
    .option('--full-name <name>', 'name of the person')
    .option('--email <address>', 'mail address')
    .addOption(new Option('--state <state>', 'only active ones may do anything').choices(USER_STATES))
    .option('--quota-bytes <bytes>', 'bytes of image content: 50GiB, or 50*1024*1024*1024')
    .option('--quota-images <count>', 'images')
}

function addAdd(parent: Command, shell: Shell): void {
  const command = parent
    .command('add')
    .argument('<name>', 'also the name of the namespace')
    .description('make a user')
    .requiredOption('--dn <dn>', 'distinguished name of the certificate, in slash form')
    .option('--group <group...>', 'groups besides users')
  factOptions(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    [
      'bootswarm user add alice --dn /O=Example/OU=users/CN=alice',
      'she may push into the namespace alice now',
    ],
    ['bootswarm user add bob --dn /O=Example/OU=users/CN=bob --group admins', 'another admin'],
  ])
  command.action((name: string, flags: SettingFlags & Facts) =>
    atTracker(shell, flags, async (client, signal) => {
      const { group = [] } = flags
      const groups = group.length === 0 ? {} : { groups: group.join(',') }
      await client.createUser({ user_name: name, ...groups, ...fieldsOf(flags) }, { signal })
      shell.terminal.stderr.write(`made the user ${name}\n`)
    }),
  )
}

function addSet(parent: Command, shell: Shell): void {
  const command = parent
    .command('set')
    .argument('<user>')
    .description('change what is known of a user')
    .option('--dn <dn>', 'distinguished name of the new certificate')
  factOptions(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm user set alice --quota-bytes 200GiB', 'more room for her images']])
  command.action((name: string, flags: SettingFlags & Facts) =>
    atTracker(shell, flags, async (client, signal) => {
      await client.modifyUser(name, fieldsOf(flags), { signal })
      shell.terminal.stderr.write(`changed ${name}\n`)
    }),
  )
}

const STATE_VERBS = [
  ['activate', 'active', 'let a pending, retired or suspended user in'],
  ['suspend', 'suspended', 'shut a user out, at once; images and shares stay'],
  ['retire', 'inactive', 'close the account of somebody who has left; images and shares stay'],
] as const

function addStates(parent: Command, shell: Shell): void {
  for (const [verb, state, meaning] of STATE_VERBS) {
    const command = parent.command(verb).argument('<user>').description(meaning)
    addSettingOptions(command, TRACKER_KEYS)
    command.action((name: string, flags: SettingFlags) =>
      atTracker(shell, flags, async (client, signal) => {
        await client.modifyUser(name, { state }, { signal })
        shell.terminal.stderr.write(`${name} is ${state} now\n`)
      }),
    )
  }
}

function addRm(parent: Command, shell: Shell): void {
  const command = parent
    .command('rm')
    .alias('remove')
    .argument('<user>')
    .description('remove a user with all images of that user')
    .option('-y, --yes', 'do not ask')
  addSettingOptions(command, TRACKER_KEYS)
  command.action(async (name: string, flags: SettingFlags & { yes?: true }) => {
    if (flags.yes !== true) await confirm(shell, `the user ${name} with all images`, { yes: '--yes' })
    await atTracker(shell, flags, (client, signal) => client.removeUser(name, { signal }))
    shell.terminal.stderr.write(`removed ${name}\n`)
  })
}

/** Fields of the request, by the names of the interface. */
function fieldsOf({ dn, fullName, email, state, quotaBytes, quotaImages }: Facts): RepomanFields {
  const fields = {
    cert_dn: dn,
    full_name: fullName,
    ...{ email, state, quota_bytes: quotaBytes, quota_images: quotaImages },
  }
  const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(given)
}

function lastPart(url: string): string {
  return decodeURIComponent(url.slice(url.lastIndexOf('/') + 1))
}
