import { type Command, Option } from 'commander'
import type { RepomanImageKey } from '../../api/repoman-client.ts'
import { parseImageName, parseNamespace, type Reference } from '../../core/reference.ts'
import { confirm } from '../confirm.ts'
import { download } from '../download.ts'
import { pushFile } from '../image-push.ts'
import type { Shell } from '../shell.ts'
import {
  forceOption,
  imageKeyOf,
  listOf,
  ownerOption,
  step,
  type VerbCall,
  type VerbFlags,
  verb,
  withRepoman,
} from './verb.ts'

/** What create-image, modify-image and save-image say of an image. */
export interface ImageFlags extends VerbFlags {
  readonly unauthenticated_access?: 'true' | 'false'
  readonly description?: string
  readonly hypervisor?: string
  readonly os_arch?: string
  readonly os_type?: string
  readonly os_variant?: string
}

const FIELDS = ['description', 'hypervisor', 'os_arch', 'os_type', 'os_variant'] as const

/** Verbs for images. */
export function addImageVerbs(parent: Command, shell: Shell): void {
  addCreate(parent, shell)
  addModify(parent, shell)
  addTransfer(parent, shell)
  addRemove(parent, shell)
  addSharing(parent, shell)
}

export function describedBy(command: Command, access: string): Command {
  return command
    .addOption(
      new Option(`${access}, --unauthenticated_access <flag>`, 'whether anybody may fetch it').choices([
        'true',
        'false',
      ]),
    )
    .option('-d, --description <text>', 'what it is')
    .option('-h, --hypervisor <name>', 'hypervisors that it runs on: xen, kvm, …')
    .option('--os_arch <arch>', 'architecture: x86, x86_64, …')
    .option('--os_type <type>', 'linux, unix, windows, …')
    .option('--os_variant <variant>', 'debian, centos, …')
}

/** The fields that the flags give. */
export function fieldsOf(flags: ImageFlags): Record<string, string | boolean> {
  const fields: Record<string, string | boolean> = {}
  for (const name of FIELDS) {
    const value = flags[name]
    if (value !== undefined) fields[name] = value
  }
  if (flags.unauthenticated_access !== undefined)
    fields['unauthenticated_access'] = flags.unauthenticated_access === 'true'
  return fields
}

/** Makes the slot. */
export async function createSlot(call: VerbCall, key: RepomanImageKey, flags: ImageFlags): Promise<void> {
  const { image, owner } = key
  const namespace = owner === undefined ? {} : { user_name: owner }
  const fields = { name: image, hypervisor: 'xen', ...namespace, ...fieldsOf(flags) }
  const words = { done: `Created new image '${image}'`, failed: `Could not create new image '${image}'` }
  await step(call.shell, words, call.repoman.createImage(fields, { signal: call.signal }))
}

/** Sends a file into a slot. */
export async function upload(call: VerbCall, file: string, key: RepomanImageKey): Promise<void> {
  const { shell, session, signal } = call
  shell.terminal.stdout.write(`Uploading ${file} to image '${key.image}'...\n`)
  const asked = await referenceOf(call, key)
  const flags = { progress: 'auto', chunker: 'auto' } as const
  const words = {
    done: `${file} uploaded to image '${key.image}'`,
    failed: `Uploading ${file} to image '${key.image}'.`,
  }
  const pushed = pushFile(shell, session, { file, asked, tags: [], flags, signal })
  await step(
    shell,
    words,
    pushed.then(() => {}),
  )
}

/** With the asker's own namespace where no owner is named. */
async function referenceOf(
  { repoman, signal }: VerbCall,
  { owner, image }: RepomanImageKey,
): Promise<Reference> {
  const namespace = owner ?? (await repoman.whoami({ signal })).user_name
  return { namespace: parseNamespace(namespace), name: parseImageName(image) }
}

function addCreate(parent: Command, shell: Shell): void {
  describedBy(
    verb(parent, ['create-image', 'ci'], 'make an image without bytes, or with those of a file'),
    '-a',
  )
    .argument('<image>')
    .option('-f, --file <path>', 'send this file into it')
    .addOption(ownerOption())
    .action((image: string, { file, ...flags }: ImageFlags & { file?: string }) =>
      withRepoman(shell, flags, async (call) => {
        const key = imageKeyOf(image, flags)
        await createSlot(call, key, flags)
        if (file !== undefined) await upload(call, file, key)
      }),
    )
}

function addModify(parent: Command, shell: Shell): void {
  describedBy(verb(parent, ['modify-image', 'mi'], 'change what is said of an image'), '-a')
    .argument('<image>')
    .option('-n, --new_name <name>', 'its new name')
    .option('-N, --new_owner <user>', 'whose it is from now on')
    .addOption(ownerOption())
    .action((image: string, flags: ImageFlags & { new_name?: string; new_owner?: string }) =>
      withRepoman(shell, flags, async ({ repoman, signal }) => {
        const { new_name: name, new_owner: owner } = flags
        const fields = {
          ...fieldsOf(flags),
          ...(name !== undefined && { name }),
          ...(owner !== undefined && { owner }),
        }
        const words = { done: 'Modifying image.', failed: 'Modifying image.' }
        await step(shell, words, repoman.modifyImage(imageKeyOf(image, flags), fields, { signal }))
      }),
    )
}

function addTransfer(parent: Command, shell: Shell): void {
  verb(
    parent,
    ['put-image', 'pi'],
    'send a file into an image; only blocks that are new to the tracker travel',
  )
    .argument('<file>')
    .argument('<image>')
    .addOption(ownerOption())
    .addOption(forceOption())
    .action((file: string, image: string, flags: VerbFlags) =>
      withRepoman(shell, flags, async (call) => {
        const key = imageKeyOf(image, flags)
        await call.repoman.image(key, { signal: call.signal })
        await upload(call, file, key)
      }),
    )
  verb(parent, ['get-image', 'gi'], 'fetch an image into a file; a broken one goes on where it stopped')
    .argument('<image>')
    .option('-p, --path <file>', 'where to; a file of the same name here unless given')
    .addOption(ownerOption())
    .action((image: string, flags: VerbFlags & { path?: string }) =>
      withRepoman(shell, flags, async (call) => {
        const { session, signal } = call
        const key = imageKeyOf(image, flags)
        const path = flags.path ?? parseImageName(key.image)
        shell.terminal.stdout.write(`Downloading image '${key.image}'...\n`)
        const asked = await referenceOf(call, key)
        const words = { done: `Image ${key.image} downloaded.`, failed: `Downloading image '${key.image}'.` }
        const done = download(shell, session, { asked, path, flags: { progress: 'auto' }, signal })
        await step(
          shell,
          words,
          done.then(() => {}),
        )
      }),
    )
}

function addRemove(parent: Command, shell: Shell): void {
  verb(parent, ['remove-image', 'ri'], 'remove an image with every version')
    .argument('<image>')
    .addOption(ownerOption())
    .addOption(forceOption())
    .action(async (image: string, { force, ...flags }: VerbFlags & { force?: true }) => {
      if (!force) await confirm(shell, `${image} with every version`, { yes: '--force' })
      await withRepoman(shell, flags, ({ repoman, signal }) => {
        const words = { done: `Removed image ${image}.`, failed: 'Removing image.' }
        return step(shell, words, repoman.removeImage(imageKeyOf(image, flags), { signal }))
      })
    })
}

function addSharing(parent: Command, shell: Shell): void {
  const sharing = (names: [string, string], kind: 'user' | 'group', way: 'share' | 'unshare') => {
    const meaning = `${way} an image with ${kind}s: a,b or a b`
    verb(parent, names, meaning)
      .argument('<image>')
      .argument(`<${kind}s...>`)
      .addOption(ownerOption())
      .action((image: string, list: string[], flags: VerbFlags) =>
        withRepoman(shell, flags, async ({ repoman, signal }) => {
          const key = imageKeyOf(image, flags)
          for (const name of listOf(list)) {
            const subject = kind === 'user' ? { user: name } : { group: name }
            const words = `${way === 'share' ? 'Shared' : 'Unshared'} image: '${key.image}' with ${kind}: '${name}'`
            await step(shell, { done: words, failed: words }, repoman[way](key, subject, { signal }))
          }
        }),
      )
  }
  sharing(['share-image-with-groups', 'sig'], 'group', 'share')
  sharing(['share-image-with-users', 'siu'], 'user', 'share')
  sharing(['unshare-image-with-groups', 'uig'], 'group', 'unshare')
  sharing(['unshare-image-with-users', 'uiu'], 'user', 'unshare')
}
