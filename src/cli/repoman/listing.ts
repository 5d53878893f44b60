import { type Command, Option } from 'commander'
import type { RepomanImage } from '../../api/repoman-client.ts'
import { fillPath, TRACKER_PATHS } from '../../api/tracker-paths.ts'
import { BootswarmError } from '../../core/errors.ts'
import type { Shell } from '../shell.ts'
import { type Amount, factsText, groupsText, imagesText, lastPart, usersText } from './display.ts'
import { imageKeyOf, type VerbCall, type VerbFlags, verb, withRepoman } from './verb.ts'

type Flags = VerbFlags & Amount & { all?: true; group?: string; user?: string }

export function addListingVerbs(parent: Command, shell: Shell): void {
  verb(parent, ['whoami'], 'who the tracker takes you for').action((flags: Flags) =>
    withRepoman(shell, flags, async ({ repoman, signal }) => {
      shell.terminal.stdout.write(factsText(await repoman.whoami({ signal })))
    }),
  )
  addListUsers(parent, shell)
  addListGroups(parent, shell)
  addListImages(parent, shell)
}

function amounts(command: Command): Command {
  return command
    .addOption(new Option('-f, --full', 'every field').conflicts(['long', 'url']))
    .addOption(new Option('-l, --long', 'a table with more').conflicts(['full', 'url']))
}

function addListUsers(parent: Command, shell: Shell): void {
  amounts(verb(parent, ['list-users', 'lu'], 'list users'))
    .argument('[user]', 'this one alone')
    .option('-g, --group <group>', 'members of this group')
    .action((user: string | undefined, flags: Flags) =>
      withRepoman(shell, flags, async ({ repoman, signal }) => {
        const path =
          flags.group === undefined
            ? TRACKER_PATHS.users
            : fillPath(TRACKER_PATHS.groupUsers, { group: flags.group })
        const names = user === undefined ? (await repoman.urls(path, { signal })).map(lastPart) : [user]
        const users = await inTurn(names, (name) => repoman.user(name, { signal }))
        shell.terminal.stdout.write(usersText(users, flags))
      }),
    )
}

function addListGroups(parent: Command, shell: Shell): void {
  amounts(verb(parent, ['list-groups', 'lg'], 'list groups; yours unless told otherwise'))
    .argument('[group]', 'this one alone')
    .option('-a, --all', 'all groups')
    .option('-u, --user <user>', 'groups of this user')
    .action((group: string | undefined, flags: Flags) =>
      withRepoman(shell, flags, async (call) => {
        const names = group === undefined ? (await groupUrls(call, flags)).map(lastPart) : [group]
        const groups = await inTurn(names, (name) => call.repoman.group(name, { signal: call.signal }))
        shell.terminal.stdout.write(groupsText(groups, flags))
      }),
    )
}

async function groupUrls({ repoman, signal }: VerbCall, { all, user }: Flags): Promise<string[]> {
  if (all) return await repoman.urls(TRACKER_PATHS.groups, { signal })
  if (user !== undefined) return await repoman.urls(fillPath(TRACKER_PATHS.userGroups, { user }), { signal })
  return (await repoman.whoami({ signal })).groups
}

function addListImages(parent: Command, shell: Shell): void {
  amounts(verb(parent, ['list-images', 'li'], 'list images; yours unless told otherwise'))
    .argument('[image]', 'this one alone, with every field; owner/image for one of somebody else')
    .addOption(new Option('-U, --url', 'with the addresses to fetch it from').conflicts(['full', 'long']))
    .option('-a, --all', 'all that you may read')
    .option('-g, --group <group>', 'shared with this group of yours')
    .option('-u, --user <user>', 'shared between you and this user')
    .action((image: string | undefined, flags: Flags) =>
      withRepoman(shell, flags, async (call) => {
        const images = image === undefined ? await imagesOf(call, flags) : [await imageOf(call, image, flags)]
        const amount = image !== undefined && !flags.long && !flags.url ? { full: true as const } : flags
        shell.terminal.stdout.write(imagesText(images, amount))
      }),
    )
}

async function imageOf({ repoman, signal }: VerbCall, text: string, flags: Flags): Promise<RepomanImage> {
  return await repoman.image(imageKeyOf(text, flags), { signal })
}

/** One that went away meanwhile is left out, and said. */
async function imagesOf(call: VerbCall, flags: Flags): Promise<RepomanImage[]> {
  const { repoman, shell, signal } = call
  const urls = [...new Set(await imageUrls(call, flags))]
  const images = await inTurn(urls, async (url) => {
    try {
      return await repoman.image({ owner: ownerPart(url), image: lastPart(url) }, { signal })
    } catch (error) {
      if (!(error instanceof BootswarmError) || signal.aborted) throw error
      shell.terminal.stderr.write(`Warning: ${ownerPart(url)}/${lastPart(url)}: ${error.message}\n`)
      return undefined
    }
  })
  return images.filter((image) => image !== undefined)
}

async function imageUrls(call: VerbCall, { all, group, user }: Flags): Promise<string[]> {
  const { repoman, signal } = call
  if (all) return await repoman.urls(TRACKER_PATHS.images, { signal })
  const me = await repoman.whoami({ signal })
  if (group !== undefined) {
    if (!me.groups.some((url) => lastPart(url) === group)) return []
    return await repoman.urls(fillPath(TRACKER_PATHS.groupShared, { group }), { signal })
  }
  if (user === undefined) return me.images
  const sharedWith = (name: string) =>
    repoman.urls(fillPath(TRACKER_PATHS.userShared, { user: name }), { signal })
  const theirs = (await sharedWith(user)).filter((url) => ownerPart(url) === me.user_name)
  return [...theirs, ...(await sharedWith(me.user_name)).filter((url) => ownerPart(url) === user)]
}

/** The owner in the address of an image. */
function ownerPart(url: string): string {
  return lastPart(url.slice(0, url.lastIndexOf('/')))
}

async function inTurn<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  for (const item of items) answers.push(await ask(item))
  return answers
}
