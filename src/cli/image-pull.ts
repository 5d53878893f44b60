import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { NodeClient } from '../api/node-client.ts'
import type { ExportAnswer, PullProgress, PullResult } from '../api/node-schemas.ts'
import { UsageError } from '../core/errors.ts'
import { parseReference } from '../core/reference.ts'
import { withNode } from './connect.ts'
import { addDelegateOptions, type DelegateFlags, delegationFor } from './delegation.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addProgressOption, openProgress, type Progress, type ProgressFlags } from './progress.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'
import { formatBytes, formatSeconds, formatShare } from './units.ts'

type Flags = FormatFlags & ProgressFlags & SettingFlags & DelegateFlags & { output?: string }
type Pulled = PullResult & { exported?: ExportAnswer }

export function addImagePull(image: Command, shell: Shell): void {
  const command = image
    .command('pull')
    .argument('<image>', 'namespace/name, namespace/name:tag or namespace/name@version')
    .description("have this machine's node fetch an image from its peers")
    .option(
      '--output <file>',
      'then write the disk into a file inside one of the export directories of the node',
    )
  addDelegateOptions(command)
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, [...NODE_KEYS, ...TRACKER_KEYS])
  teach(command, [
    ['bootswarm image pull site/debian:12', 'fetch what is not here yet'],
    [
      'bootswarm image pull site/debian:12 --output /var/lib/bootswarm/node/exports/vm1.img',
      'and make a disk of it',
    ],
    ['bootswarm image pull alice/private --delegate', 'an image that you may read and this node may not'],
  ])
  command.action((text: string, flags: Flags) => {
    parseReference(text)
    if (flags.output === '-') throw new UsageError('the node writes the file: --output takes a path, not -')
    return interruptible(
      'the node goes on with it; pull again to watch, and nothing is fetched twice',
      async (signal) => {
        const pulled = await withNode(shell, flags, (client) => pull(shell, client, { text, flags, signal }))
        printItem(shell, pulled, { ...flags, text: describe, name: (item) => item.reference })
      },
    )
  })
}

interface PullCall {
  readonly text: string
  readonly flags: Flags
  readonly signal: AbortSignal
}

async function pull(shell: Shell, client: NodeClient, { text, flags, signal }: PullCall): Promise<Pulled> {
  const progress = openProgress(shell, flags)
  try {
    const onProgress = (state: PullProgress) => showPull(progress, state)
    const lent = await delegationFor(shell, client, { text, flags, signal })
    const result = await client.pull(text, { signal, onProgress, ...lent })
    if (flags.output === undefined) return result
    const exported = await client.export(
      { reference: text, path: resolve(flags.output) },
      {
        signal,
        onProgress: ({ bytes, bytesTotal }) =>
          progress.update({ label: 'writing', done: bytes, total: bytesTotal }),
      },
    )
    return { ...result, exported }
  } finally {
    progress.end()
  }
}

function showPull(progress: Progress, { state, bytes, peers }: PullProgress): void {
  const { image, local, seeded, fetchedUncompressed } = bytes
  progress.update({
    label: state,
    done: Math.min(image, local + seeded + fetchedUncompressed),
    total: state === 'fetching' || state === 'complete' ? image : undefined,
    detail: `${peers} ${peers === 1 ? 'peer' : 'peers'}`,
  })
}

function describe({ exported, ...result }: Pulled): string {
  const { image, local, seeded, wireFromOrigin, wireFromPeers, wireFallback } = result.bytes
  const wire = wireFromOrigin + wireFromPeers
  return formatFacts([
    [
      'pulled',
      `${result.reference}, version ${result.version}, ${formatBytes(result.imageBytes)} in ${formatSeconds(result.seconds)}`,
    ],
    ['already here', `${formatBytes(local)} of ${formatBytes(image)}`],
    ['from seeds', seeded > 0 ? formatBytes(seeded) : undefined],
    [
      'over the wire',
      wire === 0 ? 'nothing' : `${formatBytes(wire)}, ${formatShare(wireFromPeers, wire)} of it from peers`,
    ],
    [
      'fallback',
      wireFallback > 0
        ? `${formatBytes(wireFallback)} from the tracker, because no other node could give them`
        : undefined,
    ],
    ['manifest', result.manifest],
    [
      'dropped',
      result.corruptPeers.length > 0
        ? `peers that sent wrong bytes: ${result.corruptPeers.join(' ')}`
        : undefined,
    ],
    ['written', exported && `${exported.path}, ${formatBytes(exported.writtenBytes)} and holes`],
  ])
}
