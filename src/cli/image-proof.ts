import type { Command } from 'commander'
import { IntegrityError } from '../core/errors.ts'
import { encodeManifest } from '../core/manifest.ts'
import type { ImageRecord } from '../core/record.ts'
import { formatReference, parseReference, type Reference } from '../core/reference.ts'
import type { ImageSource } from '../image/image-source.ts'
import { importImage } from '../image/import.ts'
import { openSource } from '../image/source.ts'
import { type TrackerSession, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addProgressOption, openProgress, type ProgressFlags } from './progress.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { fetchProof } from './signed/fetch-proof.ts'
import { type Check, PROOF_FILES, writeProof } from './signed/proof.ts'
import { formatFacts } from './table.ts'
import { CHUNKERS, NOWHERE, openRemote, type VerifyTools } from './verify.ts'

type Flags = FormatFlags &
  ProgressFlags &
  SettingFlags & { readonly out: string; readonly file?: string; readonly manifest: boolean }

/** What was written; the data of `-o json`. */
interface Written {
  readonly reference: string
  readonly folder: string
  readonly checks: readonly Check[]
}

export function addImageProof(image: Command, shell: Shell): void {
  const command = image
    .command('proof')
    .argument('<image>', 'namespace/name, with :tag or @version')
    .description(
      'write down everything that was signed about an image version, to be verified without the tracker',
    )
    .requiredOption('--out <folder>', 'where to; made where it is missing')
    .option('--file <disk>', 'read the bytes from this file instead of the tracker')
    .option('--no-manifest', 'do not read the bytes: leave the manifest out')
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image proof site/debian:12 --out proof', 'records, ACLs, signatures, manifest, authorities'],
    [
      'bootswarm image verify site/debian@3 --files proof --file disk.img',
      'later, with nothing but the files',
    ],
  ])
  command.action((text: string, flags: Flags) =>
    interruptible('run it again with another folder', async (signal) => {
      const asked = parseReference(text)
      const written = await withTracker(shell, flags, (session) =>
        prove(shell, session, { asked, flags, signal }),
      )
      printItem(shell, written, { ...flags, text: describe, name: ({ folder }) => folder })
    }),
  )
}

interface Call {
  readonly asked: Reference
  readonly flags: Flags
  readonly signal: AbortSignal
}

async function prove(
  shell: Shell,
  session: TrackerSession,
  { asked, flags, signal }: Call,
): Promise<Written> {
  const { proof, result } = await fetchProof(session, asked, { signal, nowMs: shell.clock.now() })
  const { record, checks } = result
  const manifest = flags.manifest ? await readManifest(shell, session, { record, flags, signal }) : undefined
  const { namespace, name, version } = record
  const reference = formatReference({ namespace, name, version })
  const ca = session.identity.trust.pem
  const readme = readmeOf(reference, session.name)
  await writeProof(flags.out, { ...proof, manifest }, { ca, readme })
  const cut = {
    what: 'bytes',
    checked: flags.manifest,
    detail: flags.manifest ? 'cut into the manifest' : 'not read',
  }
  return { reference, folder: flags.out, checks: [...checks, cut] }
}

/** Cuts the bytes again, until they come to the manifest that the record names. */
async function readManifest(
  shell: Shell,
  session: TrackerSession,
  { record, flags, signal }: Omit<Call, 'asked'> & { record: ImageRecord },
): Promise<Uint8Array> {
  const { file } = flags
  const open: () => Promise<ImageSource> =
    file === undefined ? openRemote(session, record, signal) : () => openSource(file)
  const progress = openProgress(shell, flags)
  const tools: VerifyTools = {
    signal,
    onProgress: ({ scannedBytes, totalBytes }) =>
      progress.update({ label: 'reading', done: scannedBytes, total: totalBytes }),
  }
  try {
    for (const chunker of CHUNKERS) {
      const source = await open()
      const { manifest, manifestId } = await importImage({ sink: NOWHERE }, { source, chunker }, tools)
      if (manifestId === record.manifest) return encodeManifest(manifest)
    }
  } finally {
    progress.end()
  }
  throw new IntegrityError('the bytes are not those of the image', { data: { manifest: record.manifest } })
}

function readmeOf(reference: string, name: string): string {
  const { records, publication, imageAcl, namespaceAcl, manifest, ca } = PROOF_FILES
  return `What the tracker ${name} has signed about ${reference}.

  ${records}        every statement about the versions of the image, oldest first, one JWS a line
  ${publication}    what the publisher has signed, where there is such a signature
  ${imageAcl}      every version of the ACL of the image
  ${namespaceAcl}  every version of the ACL of its namespace
  ${manifest}      names every byte of this version
  ${ca}             the authorities of the site; use your own copy when you have one

Verify it, with or without the bytes, on any machine and without a network:

  bootswarm image verify ${reference} --files . --file DISK --ca ${ca} --tracker-name ${name}
  bootswarm acl verify ${imageAcl} ${namespaceAcl} --ca ${ca} --tracker-name ${name}

The format is docs/specs/signed-registry-v1.md of Bootswarm.
`
}

function describe({ reference, folder, checks }: Written): string {
  return formatFacts([
    ['written', `${reference} to ${folder}`],
    ...checks.map(({ what, checked, detail }) => [checked ? what : `without: ${what}`, detail] as const),
  ])
}
