import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { NodeClient } from '../api/node-client.ts'
import type { ExportAnswer, PullProgress, PullResult } from '../api/node-schemas.ts'
import { DELEGATION_TYPE, type Delegation } from '../core/delegation.ts'
import { UsageError } from '../core/errors.ts'
import { DELEGATION_LIFETIME_S_MAX } from '../core/limits.ts'
import { parseReference } from '../core/reference.ts'
import { signJws } from '../identity/jws.ts'
import { withNode, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addProgressOption, openProgress, type Progress, type ProgressFlags } from './progress.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'
import { formatBytes, formatSeconds, formatShare } from './units.ts'

type Flags = FormatFlags &
  ProgressFlags &
  SettingFlags & { output?: string; delegate?: true; delegateFor: string }
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
    .option('--delegate', 'let the node fetch it by your right to read it, not by its own')
    .option('--delegate-for <hours>', 'how long the node may, at most until your proxy ends', '24')
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
    const lent = flags.delegate === true ? await delegationFor(shell, client, { text, flags, signal }) : {}
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

/** Signs with the certificate or proxy of the settings that the node of this machine may fetch the image. */
async function delegationFor(
  shell: Shell,
  client: NodeClient,
  { text, flags, signal }: PullCall,
): Promise<{ delegation: string }> {
  const hours = Number(flags.delegateFor)
  if (!(hours > 0 && hours <= DELEGATION_LIFETIME_S_MAX / 3600))
    throw new UsageError(
      `--delegate-for takes more than 0 and up to ${DELEGATION_LIFETIME_S_MAX / 3600} hours`,
    )
  const { principal: node } = await client.status({ signal })
  return await withTracker(shell, flags, async ({ identity, name }) => {
    const iat = Math.floor(shell.clock.now() / 1000)
    const exp = Math.min(iat + Math.ceil(hours * 3600), Math.floor(identity.principal.notAfterMs / 1000))
    const { namespace, name: image } = parseReference(text)
    const claims: Delegation = { node, namespace, name: image, aud: name, iat, exp }
    return { delegation: await signJws(identity, { ...claims }, { typ: DELEGATION_TYPE }) }
  })
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
