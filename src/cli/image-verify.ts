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
import { type Verified, type VerifyTools, verifyFile, verifyImage } from './verify.ts'

export function addImageVerify(image: Command, shell: Shell): void {
  const command = image
    .command('verify')
    .argument('<target>', 'an image, or with --record or --manifest a file (- is standard input)')
    .description('check every byte of an image against what was signed')
    .option('--local', "every block in the store of this machine's node")
    .option('--record <file>', 'offline: check a file against this signed record (image show --record)')
    .option('--manifest <cid>', 'offline: check a file against this manifest CID')
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, [...TRACKER_KEYS, ...NODE_KEYS])
  teach(command, [
    ['bootswarm image verify site/debian:12', 'signature and every byte, as the tracker gives them'],
    ['bootswarm image verify --local site/debian:12', 'what this machine holds'],
    ['bootswarm image show site/debian:12 --record >debian.jws', 'keep the signed record for later'],
    ['bootswarm image verify disk.img --record debian.jws', 'a file, without asking anybody'],
  ])
  command.action(async (target: string, flags: ImageVerifyFlags) => {
    if (flags.local === true) {
      parseReference(target)
      await verifyNode(shell, flags)
      return
    }
    if (flags.record !== undefined && flags.manifest !== undefined) {
      throw new UsageError('either --record or --manifest: a record names its manifest')
    }
    const verified = await interruptible('run it again', (signal) => verify(shell, target, { flags, signal }))
    printItem(shell, verified, { ...flags, text: describe, name: ({ manifest }) => manifest })
  })
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
    return await withTracker(shell, flags, (session) => verifyImage(shell, session, { asked, tools }))
  } finally {
    progress.end()
  }
}

function describe({ reference, manifest, size, signedBy, sha256 }: Verified): string {
  return formatFacts([
    ['verified', `${formatBytes(size)}, every byte`],
    ['image', reference],
    ['signed by', signedBy],
    ['manifest', manifest],
    ['sha-256', sha256 ?? undefined],
  ])
}
