import { type Command, Option } from 'commander'
import type { UploadClient } from '../api/upload-client.ts'
import { digestKey, digestOf } from '../core/cid.ts'
import { IntegrityError, UsageError } from '../core/errors.ts'
import { encodeManifest } from '../core/manifest.ts'
import type { ImageRecord } from '../core/record.ts'
import { DEFAULT_TAG, parseReference, parseTag, type Reference, type Tag } from '../core/reference.ts'
import { type ImportResult, importImage } from '../image/import.ts'
import type { ImportProgress } from '../image/import-progress.ts'
import { openSource } from '../image/source.ts'
import { type TrackerSession, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addProgressOption, openProgress, type Progress, type ProgressFlags } from './progress.ts'
import { openRecord } from './records.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { signPublication } from './signed/publication.ts'
import { formatFacts } from './table.ts'
import { formatBytes, formatSeconds } from './units.ts'

type Flags = FormatFlags &
  ProgressFlags &
  SettingFlags & { tag?: Tag[]; chunker: 'auto' | 'page-tail' | 'gear'; sign?: true }

/** What a push came to; the data of `-o json`. */
interface Pushed {
  readonly reference: string
  readonly namespace: string
  readonly name: string
  readonly version: number
  readonly tags: readonly string[]
  readonly manifest: string
  readonly imageBytes: number
  readonly zeroBytes: number
  readonly newBytes: number
  readonly newBlocks: number
  readonly blocks: number
  /** What the new blocks take compressed: sent and stored. */
  readonly storedBytes: number
  readonly seconds: number
  readonly sha256: string | null
  readonly record: string
  /** Who signed beside the tracker. */
  readonly signedBy: string | null
}

export function addImagePush(image: Command, shell: Shell): void {
  const command = image
    .command('push')
    .argument('<file>', 'disk image: a raw file, a block device, or - for standard input')
    .argument('<image>', 'namespace/name or namespace/name:tag; the tag is latest unless given')
    .description('publish a disk image as the next version of a name')
    .option(
      '--sign',
      'sign what was read with your certificate or proxy, beside the signature of the tracker',
    )
    .option('--tag <tag>', 'a further tag for this version; may be repeated', collectTag)
    .addOption(
      new Option('--chunker <name>', 'how to cut it into blocks')
        .choices(['auto', 'page-tail', 'gear'])
        .default('auto'),
    )
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image push debian.img site/debian:12', 'only blocks that the tracker lacks are sent'],
    ['bootswarm image push debian.img site/debian:12.5 --tag 12 --tag latest', 'several tags at once'],
    ['bootswarm image push debian.img site/debian:12 --sign', 'with a signature of your own'],
    ['qemu-img convert -O raw vm.qcow2 /dev/stdout | bootswarm image push - site/vm', 'from a pipe'],
  ])
  command.action((file: string, text: string, flags: Flags) => {
    const asked = parseReference(text)
    if (asked.version !== undefined || asked.manifest !== undefined) {
      throw new UsageError('the tracker gives the version: push to namespace/name or namespace/name:tag')
    }
    return interruptible('what arrived is kept: push again to go on', async (signal) => {
      const pushed = await withTracker(shell, flags, (session) =>
        pushFile(shell, session, { file, asked, tags: flags.tag ?? [], flags, signal }),
      )
      printItem(shell, pushed, { ...flags, text: describe, name: ({ reference }) => reference })
    })
  })
}

export interface PushCall {
  readonly file: string
  readonly asked: Reference
  /** Beside the one of `asked`. */
  readonly tags: readonly Tag[]
  readonly flags: ProgressFlags & Pick<Flags, 'chunker' | 'sign'>
  readonly signal: AbortSignal
}

/** Makes the next version of an image from a file; only blocks that the tracker lacks are sent. */
export async function pushFile(shell: Shell, session: TrackerSession, call: PushCall): Promise<Pushed> {
  const { file, asked, flags, signal } = call
  const { client, identity, name } = session
  const startedMs = shell.clock.monotonic()
  const tags = [...new Set([asked.tag ?? DEFAULT_TAG, ...call.tags])]
  const source = await openSource(file)
  const progress = openProgress(shell, flags)
  try {
    const opening = client.openUpload(asked.namespace, asked.name, { signal })
    const onProgress = (state: ImportProgress) => showPush(progress, state)
    const result = await importImage(
      { sink: sinkOf(opening) },
      { source, chunker: flags.chunker },
      { signal, onProgress },
    )
    const signature = flags.sign === true ? await signResult(shell, session, { asked, result }) : undefined
    const manifestBytes = encodeManifest(result.manifest)
    const init = { tags, manifestBytes, ...(signature !== undefined && { signature }) }
    const { record: jws, version } = await (await opening).commit(result.manifestId, init, { signal })
    const expected: Reference = { namespace: asked.namespace, name: asked.name, version }
    const record = await openRecord(jws, expected, { trust: identity.trust, name, nowMs: shell.clock.now() })
    checkRecord(record, result, signature)
    return {
      ...pushedOf(record, result),
      tags,
      record: jws,
      seconds: (shell.clock.monotonic() - startedMs) / 1000,
    }
  } finally {
    progress.end()
    await source.close()
  }
}

async function signResult(
  shell: Shell,
  { identity }: TrackerSession,
  { asked, result }: { asked: Reference; result: ImportResult },
): Promise<string> {
  const { manifest, manifestId } = result
  const sha256 = manifest.sha256 === undefined ? null : digestKey(manifest.sha256)
  const { namespace, name } = asked
  const facts = { namespace, name, manifest: manifestId, size: manifest.size, sha256 }
  return await signPublication(identity, facts, { nowMs: shell.clock.now() })
}

/** The upload as a sink that is still being opened: the image is read and hashed meanwhile. */
function sinkOf(opening: Promise<UploadClient>): Pick<UploadClient, 'has' | 'put'> {
  opening.catch(() => {}) // reported by the first call, or by the commit
  return {
    has: async (digests, options) => (await opening).has(digests, options),
    put: async (frames, options) => (await opening).put(frames, options),
  }
}

/** What the tracker signed must be what we cut; anything else would be booted in our name. */
function checkRecord(
  record: ImageRecord,
  { manifest, manifestId }: ImportResult,
  signature: string | undefined,
): void {
  if (record.manifest !== manifestId || record.size !== manifest.size) {
    throw new IntegrityError(`the tracker signed ${record.manifest}, but the image is ${manifestId}`)
  }
  const digest = signature === undefined ? undefined : digestKey(digestOf(Buffer.from(signature)))
  if (digest !== record.signature?.digest)
    throw new IntegrityError('the record does not name the signature that was sent')
}

function pushedOf(record: ImageRecord, { stats }: ImportResult): Omit<Pushed, 'tags' | 'record' | 'seconds'> {
  const { namespace, name, version, manifest, size, sha256 } = record
  const { zeroBytes, newBytes, newBlocks, blocks, storedBytes } = stats
  const reference = `${namespace}/${name}@${version}`
  const counts = { imageBytes: size, zeroBytes, newBytes, newBlocks, blocks, storedBytes }
  const signedBy = record.signature?.signer ?? null
  return { reference, namespace, name, version, manifest, ...counts, sha256, signedBy }
}

function showPush(progress: Progress, { scannedBytes, totalBytes, newBytes }: ImportProgress): void {
  progress.update({
    label: 'pushing',
    done: scannedBytes,
    total: totalBytes,
    detail: `${formatBytes(newBytes)} new`,
  })
}

function describe(pushed: Pushed): string {
  const { imageBytes, zeroBytes, newBytes, storedBytes } = pushed
  return formatFacts([
    ['pushed', `${pushed.reference} in ${formatSeconds(pushed.seconds)}`],
    ['tags', pushed.tags.join(' ')],
    ['image', `${formatBytes(imageBytes)}, ${formatBytes(zeroBytes)} of it zeros`],
    [
      'new',
      `${formatBytes(newBytes)} of ${formatBytes(imageBytes - zeroBytes)}, sent as ${formatBytes(storedBytes)}`,
    ],
    ['manifest', pushed.manifest],
    ['signed by', pushed.signedBy ?? undefined],
  ])
}

function collectTag(text: string, before: Tag[] = []): Tag[] {
  return [...before, parseTag(text)]
}
