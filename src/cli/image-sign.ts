import type { Command } from 'commander'
import type { ImageRecord } from '../core/record.ts'
import { formatReference, parseReference, type Reference } from '../core/reference.ts'
import { openSource } from '../image/source.ts'
import { type TrackerSession, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addProgressOption, openProgress, type ProgressFlags } from './progress.ts'
import { fetchRecord, openRecord } from './records.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { signPublication, verifyPublication } from './signed/publication.ts'
import { formatFacts } from './table.ts'
import { verifyBytes } from './verify.ts'

type Flags = FormatFlags & ProgressFlags & SettingFlags & { readonly file?: string }

/** What was signed; the data of `-o json`. */
interface Signed {
  readonly reference: string
  readonly manifest: string
  readonly signer: string
  /** When the tracker attested it, ISO 8601. */
  readonly at: string
  /** Whether the bytes were compared with a file first. */
  readonly compared: boolean
}

export function addImageSign(image: Command, shell: Shell): void {
  const command = image
    .command('sign')
    .argument('<image>', 'namespace/name, with :tag or @version')
    .description('sign a version with your certificate or proxy, beside the signature of the tracker')
    .option('--file <disk>', 'sign only if the version is this file, byte for byte')
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.addHelpText(
    'after',
    '\nWithout --file you sign what the tracker says that the version is. bootswarm image push --sign signs what it has read.',
  )
  teach(command, [['bootswarm image sign site/debian@3 --file debian.img', 'after comparing every byte']])
  command.action((text: string, flags: Flags) =>
    interruptible('nothing was signed', async (signal) => {
      const asked = parseReference(text)
      const signed = await withTracker(shell, flags, (session) =>
        sign(shell, session, { asked, flags, signal }),
      )
      printItem(shell, signed, { ...flags, text: describe, name: ({ reference }) => reference })
    }),
  )
}

interface Call {
  readonly asked: Reference
  readonly flags: Flags
  readonly signal: AbortSignal
}

async function sign(shell: Shell, session: TrackerSession, { asked, flags, signal }: Call): Promise<Signed> {
  const { client, identity, name } = session
  const nowMs = shell.clock.now()
  const { record } = await fetchRecord(session, asked, { signal, nowMs })
  if (flags.file !== undefined) await compare(shell, record, { file: flags.file, flags, signal })
  const token = await signPublication(identity, record, { nowMs })
  const { namespace, version } = record
  const key = { namespace, name: record.name, version }
  const answer = await client.signed.putSignature(key, token, { signal })
  const judge = { trust: identity.trust, name, nowMs: shell.clock.now() }
  const attested = await openRecord(answer.record, { namespace, name: record.name, version }, judge)
  const { signer, at } = await verifyPublication(token, { record: attested, named: attested, judge })
  const { manifest } = attested
  const compared = flags.file !== undefined
  return { reference: formatReference(key), manifest, signer, at: at.toISOString(), compared }
}

async function compare(
  shell: Shell,
  record: ImageRecord,
  { file, flags, signal }: { file: string; flags: Flags; signal: AbortSignal },
): Promise<void> {
  const progress = openProgress(shell, flags)
  try {
    await verifyBytes(() => openSource(file), record, {
      signal,
      onProgress: ({ scannedBytes, totalBytes }) =>
        progress.update({ label: 'comparing', done: scannedBytes, total: totalBytes }),
    })
  } finally {
    progress.end()
  }
}

function describe({ reference, manifest, signer, at, compared }: Signed): string {
  return formatFacts([
    ['signed', reference],
    ['by', signer],
    ['attested', at],
    ['manifest', manifest],
    ['bytes', compared ? 'compared with the file' : 'not compared: as the tracker says'],
  ])
}
