import type { Command } from 'commander'
import { UsageError } from '../core/errors.ts'
import { parseReference } from '../core/reference.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import type { ImageVerifyFlags } from './image-verify-flags.ts'
import { verifyNode } from './node-verify.ts'
import { addFormatOption, printItem } from './output.ts'
import { addProgressOption, openProgress } from './progress.ts'
import { addSettingOptions, NODE_KEYS, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'
import { formatBytes } from './units.ts'
import { type Verified, type VerifyTools, verifyFile, verifyFiles, verifyImage } from './verify.ts'

export function addImageVerify(image: Command, shell: Shell): void {
  const command = image
    .command('verify')
    .argument('<target>', 'an image, or with --record or --manifest a file (- is standard input)')
    .description('check every byte of an image against what was signed')
    .option('--local', "every block in the store of this machine's node")
    .option('--record <file>', 'offline: check a file against this signed record (image show --record)')
    .option('--manifest <cid>', 'offline: check a file against this manifest CID')
    .option('--files <folder>', 'offline: check everything in a proof of the image (image proof)')
    .option('--file <disk>', 'with --files: the bytes to compare with it (- is standard input)')
    .option('--at <date>', 'offline: judge certificates as of this date instead of now')
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, [...TRACKER_KEYS, ...NODE_KEYS])
  teach(command, [
    ['bootswarm image verify site/debian:12', 'signature and every byte, as the tracker gives them'],
    ['bootswarm image verify --local site/debian:12', 'what this machine holds'],
    ['bootswarm image show site/debian:12 --record >debian.jws', 'keep the signed record for later'],
    ['bootswarm image verify disk.img --record debian.jws', 'a file, without asking anybody'],
    ['bootswarm image verify site/debian@3 --files proof --file disk.img', 'all that was signed, offline'],
  ])
  command.action(async (target: string, flags: ImageVerifyFlags) => {
    if (flags.local === true) {
      parseReference(target)
      await verifyNode(shell, flags)
      return
    }
    checkFlags(target, flags)
    const verified = await interruptible('run it again', (signal) => verify(shell, target, { flags, signal }))
    printItem(shell, verified, { ...flags, text: describe, name: ({ manifest }) => manifest })
  })
}

function checkFlags(target: string, { record, manifest, files, file }: ImageVerifyFlags): void {
  if ([record, manifest, files].filter((one) => one !== undefined).length > 1)
    throw new UsageError(
      'one of --record, --manifest and --files: a proof has the record, which names the manifest',
    )
  if (file !== undefined && files === undefined)
    throw new UsageError(
      '--file goes with --files; with --record or --manifest the file is the first argument',
    )
  if (files !== undefined && parseReference(target).tag !== undefined)
    throw new UsageError('tags are not signed: say namespace/name@version, as the proof was made for')
}

interface VerifyCall {
  readonly flags: ImageVerifyFlags
  readonly signal: AbortSignal
}

async function verify(shell: Shell, target: string, { flags, signal }: VerifyCall): Promise<Verified> {
  const progress = openProgress(shell, flags)
  const tools: VerifyTools = {
    signal,
    onProgress: ({ scannedBytes, totalBytes }) =>
      progress.update({ label: 'verifying', done: scannedBytes, total: totalBytes }),
  }
  try {
    if (flags.record !== undefined || flags.manifest !== undefined)
      return await verifyFile(shell, { target, flags, tools })
    const asked = parseReference(target)
    if (flags.files !== undefined) return await verifyFiles(shell, { asked, flags, tools })
    return await withTracker(shell, flags, (session) => verifyImage(shell, session, { asked, tools }))
  } finally {
    progress.end()
  }
}

function describe({ reference, manifest, size, signedBy, sha256, checks }: Verified): string {
  const told = (wanted: boolean) => checks.filter(({ checked }) => checked === wanted)
  const facts = formatFacts([
    ['verified', reference ?? manifest],
    ['size', formatBytes(size)],
    ['signed by', signedBy],
    ['manifest', manifest],
    ['sha-256', sha256 ?? undefined],
    ...told(true).map(({ what, detail }) => [`checked: ${what}`, detail] as const),
  ])
  const open = formatFacts(told(false).map(({ what, detail }) => [`not checked: ${what}`, detail] as const))
  return facts + open
}
