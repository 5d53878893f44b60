import type { Command } from 'commander'
import { parsePermission } from '../../core/permission.ts'
import { confirm } from '../confirm.ts'
import type { Shell } from '../shell.ts'
import { forceOption, listOf, step, type VerbCall, type VerbFlags, verb, withRepoman } from './verb.ts'

type UserFlags = VerbFlags & {
  email?: string
  full_name?: string
  client_dn?: string
  new_name?: string
  force?: true
}
type GroupFlags = VerbFlags & { permissions?: string; users?: string; new_name?: string; force?: true }

/** Verbs for users and groups. */
export function addAccountVerbs(parent: Command, shell: Shell): void {
  addUserVerbs(parent, shell)
  addGroupVerbs(parent, shell)
  addMembershipVerbs(parent, shell)
}

function addUserVerbs(parent: Command, shell: Shell): void {
  const facts = (command: Command) =>
    command
      .option('-e, --email <address>', 'mail address')
      .option('-f, --full_name <name>', 'name of the person')
  facts(verb(parent, ['create-user', 'cu'], 'make a user').argument('<user>').argument('<client_dn>')).action(
    (user: string, dn: string, { email, full_name, ...flags }: UserFlags) =>
      withRepoman(shell, flags, async ({ repoman, signal }) => {
        const fields = said({ user_name: user, cert_dn: dn, email, full_name })
        const words = { done: `Created new user ${user}.`, failed: `Creating user ${user}.` }
        await step(shell, words, repoman.createUser(fields, { signal }))
      }),
  )
  facts(verb(parent, ['modify-user', 'mu'], 'change a user').argument('<user>'))
    .option('-c, --client_dn <dn>', 'distinguished name of the certificate')
    .option('-n, --new_name <user>', 'names of users do not change: refused by the tracker')
    .action((user: string, { email, full_name, client_dn, new_name, ...flags }: UserFlags) =>
      withRepoman(shell, flags, async ({ repoman, signal }) => {
        const fields = said({ full_name, email, user_name: new_name, cert_dn: client_dn })
        const words = { done: 'Modifying user.', failed: 'Modifying user.' }
        await step(shell, words, repoman.modifyUser(user, fields, { signal }))
      }),
    )
  verb(parent, ['remove-user', 'ru'], 'remove a user with all images of that user')
    .argument('<user>')
    .addOption(forceOption())
    .action(async (user: string, { force, ...flags }: UserFlags) => {
      if (!force) await confirm(shell, `the user ${user} with all images`, { yes: '--force' })
      await withRepoman(shell, flags, ({ repoman, signal }) =>
        step(
          shell,
          { done: `Removed user ${user}.`, failed: 'Removing user.' },
          repoman.removeUser(user, { signal }),
        ),
      )
    })
}

function addGroupVerbs(parent: Command, shell: Shell): void {
  const contents = (command: Command) =>
    command
      .option('-p, --permissions <list>', 'permissions of its members, a,b,c')
      .option('-u, --users <list>', 'its members, a,b,c')
  contents(verb(parent, ['create-group', 'cg'], 'make a group').argument('<group>')).action(
    (group: string, { permissions, users, ...flags }: GroupFlags) =>
      withRepoman(shell, flags, async (call) => {
        const words = {
          done: `Creating new group: '${group}'`,
          failed: `Could not create new group '${group}'`,
        }
        const wanted = listOf(permissions ?? '').map(parsePermission)
        await step(shell, words, call.repoman.createGroup({ name: group }, { signal: call.signal }))
        await addPermissions(call, group, wanted)
        await addUsers(call, group, listOf(users ?? ''))
      }),
  )
  contents(verb(parent, ['modify-group', 'mg'], 'change a group').argument('<group>'))
    .option('-n, --new_name <name>', 'its new name')
    .action((group: string, { permissions, users, new_name, ...flags }: GroupFlags) =>
      withRepoman(shell, flags, async ({ repoman, signal }) => {
        const fields = said({ name: new_name, permissions, users })
        const words = { done: 'Modifying group.', failed: 'Modifying group.' }
        await step(shell, words, repoman.modifyGroup(group, fields, { signal }))
      }),
    )
  verb(parent, ['remove-group', 'rg'], 'remove a group; its members stay')
    .argument('<group>')
    .addOption(forceOption())
    .action(async (group: string, { force, ...flags }: GroupFlags) => {
      if (!force) await confirm(shell, `the group ${group}`, { yes: '--force' })
      await withRepoman(shell, flags, ({ repoman, signal }) => {
        const words = { done: `Removed group ${group}.`, failed: 'Removing group.' }
        return step(shell, words, repoman.removeGroup(group, { signal }))
      })
    })
}

function addMembershipVerbs(parent: Command, shell: Shell): void {
  const members = (names: [string, string], meaning: string, work: typeof addUsers) =>
    verb(parent, names, meaning)
      .argument('<group>')
      .argument('<users...>')
      .action((group: string, users: string[], flags: VerbFlags) =>
        withRepoman(shell, flags, (call) => work(call, group, listOf(users))),
      )
  members(['add-users-to-group', 'aug'], 'let users join a group', addUsers)
  members(['remove-users-from-group', 'rug'], 'take users out of a group', removeUsers)
  const permissions = (names: [string, string], meaning: string, work: typeof addPermissions) =>
    verb(parent, names, meaning)
      .argument('<group>')
      .argument('<permissions...>')
      .action((group: string, list: string[], flags: VerbFlags) => {
        const wanted = listOf(list).map(parsePermission)
        return withRepoman(shell, flags, (call) => work(call, group, wanted))
      })
  permissions(['add-permissions-to-group', 'apg'], 'allow members of a group more', addPermissions)
  permissions(['remove-permissions-from-group', 'rpg'], 'allow members of a group less', removePermissions)
}

async function addUsers(
  { shell, repoman, signal }: VerbCall,
  group: string,
  users: readonly string[],
): Promise<void> {
  for (const user of users) {
    const words = `Adding user: \`${user}\` to group: '${group}'`
    await step(shell, { done: words, failed: words }, repoman.addUser(group, user, { signal }))
  }
}

async function removeUsers(
  { shell, repoman, signal }: VerbCall,
  group: string,
  users: readonly string[],
): Promise<void> {
  for (const user of users) {
    const words = `Removing user: \`${user}\` from group: '${group}'`
    await step(shell, { done: words, failed: words }, repoman.removeUserFrom(group, user, { signal }))
  }
}

async function addPermissions(call: VerbCall, group: string, list: readonly string[]): Promise<void> {
  const { shell, repoman, signal } = call
  for (const permission of list) {
    const words = `Adding permission: '${permission}' to group: '${group}'`
    await step(shell, { done: words, failed: words }, repoman.addPermission(group, permission, { signal }))
  }
}

async function removePermissions(call: VerbCall, group: string, list: readonly string[]): Promise<void> {
  const { shell, repoman, signal } = call
  for (const permission of list) {
    const words = `Removing permission: '${permission}' from group: '${group}'`
    await step(shell, { done: words, failed: words }, repoman.removePermission(group, permission, { signal }))
  }
}

/** The fields that were given. */
function said(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
