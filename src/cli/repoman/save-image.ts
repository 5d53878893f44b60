import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { RepomanImageKey } from '../../api/repoman-client.ts'
import { NotFoundError, UsageError } from '../../core/errors.ts'
import { takeSnapshot } from '../../image/snapshot/snapshot.ts'
import type { Shell } from '../shell.ts'
import { createSlot, describedBy, fieldsOf, type ImageFlags, upload } from './images.ts'
import { forceOption, imageKeyOf, ownerOption, step, type VerbCall, verb, withRepoman } from './verb.ts'

interface SaveFlags extends ImageFlags {
  readonly clean?: true
  readonly comment?: string
  readonly force?: true
  readonly snapshot: string
  readonly root: string
  readonly exclude?: readonly string[]
}

/** Where the copy is kept between two snapshots: large, and not on a file system in memory. */
const DEFAULT_FILE = '/var/tmp/bootswarm-snapshot/system.img'

export function addSaveImageVerb(parent: Command, shell: Shell): void {
  describedBy(verb(parent, ['save-image', 'si'], 'copy the running system into an image; needs root'), '-u')
    .argument('<image>')
    .addOption(ownerOption())
    .addOption(forceOption())
    .option('--clean', 'copy everything anew, not only what has changed since the last snapshot')
    .option(
      '-c, --comment <text>',
      'put a comment at the end of the description, in the place of an earlier one',
    )
    .option(
      '--exclude <pattern...>',
      'leave these out, as rsync does; a pattern that ends in /* keeps the directory',
    )
    .option('--snapshot <file>', 'where the copy is made', DEFAULT_FILE)
    .option('--root <dir>', 'the file system to copy', '/')
    .action((image: string, flags: SaveFlags) =>
      withRepoman(shell, flags, (call) => save(call, image, flags)),
    )
}

async function save(call: VerbCall, image: string, flags: SaveFlags): Promise<void> {
  const { shell, signal } = call
  const { root, clean = false, exclude = [] } = flags
  const file = resolve(flags.snapshot)
  const key = imageKeyOf(image, flags)
  const described = await find(call, key)
  if (described !== undefined && !flags.force)
    throw new UsageError(`there is an image ${image}: say --force to make a new version of it`)
  const said = { name: key.image, ...fieldsOf(flags) }
  const metadata = Object.fromEntries(Object.entries(said).map(([name, value]) => [name, String(value)]))
  const onStep = (text: string) => shell.terminal.stderr.write(`${text}\n`)
  await takeSnapshot({ root, file, excludes: exclude, metadata, clean }, { signal, onStep })
  if (described === undefined) await createSlot(call, key, flags)
  else await modify(call, key, fieldsOf(flags))
  await upload(call, file, key)
  if (flags.comment === undefined) return
  const before = described?.description ?? flags.description ?? ''
  await modify(call, key, { description: withComment(flags.description ?? before, flags.comment) })
}

async function find(call: VerbCall, key: RepomanImageKey) {
  try {
    return await call.repoman.image(key, { signal: call.signal })
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

async function modify(
  { shell, repoman, signal }: VerbCall,
  key: RepomanImageKey,
  fields: Record<string, string | boolean>,
): Promise<void> {
  if (Object.keys(fields).length === 0) return
  const words = { done: 'Modifying image.', failed: 'Modifying image.' }
  await step(shell, words, repoman.modifyImage(key, fields, { signal }))
}

/** `[[Comment: …]]` as Repoman writes it. */
function withComment(description: string, comment: string): string {
  const mark = `[[Comment: ${comment}]]`
  const start = description.indexOf('[[Comment: ')
  const end = description.indexOf(']]', start)
  if (start < 0 || end < 0) return `${description} ${mark}`.trim()
  return `${description.slice(0, start)}${mark}${description.slice(end + 2)}`
}
