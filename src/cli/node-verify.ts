import type { Command } from 'commander'
import type { VerifyAnswer } from '../api/node-schemas.ts'
import { IntegrityError } from '../core/errors.ts'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addProgressOption, openProgress, type ProgressFlags } from './progress.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'

export type NodeVerifyFlags = FormatFlags & ProgressFlags & SettingFlags

export function addNodeVerify(node: Command, shell: Shell): void {
  const command = node.command('verify').description('hash every block of the store again')
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [['bootswarm node verify', 'after a disk has been misbehaving']])
  command.action((flags: NodeVerifyFlags) => verifyNode(shell, flags))
}

/** Errors: IntegrityError when a block was wrong; it is removed, and the images that had it must be pulled again. */
export async function verifyNode(shell: Shell, flags: NodeVerifyFlags): Promise<void> {
  const progress = openProgress(shell, flags)
  const answer = await interruptible('nothing was lost; run it again', (signal) =>
    withNode(shell, flags, (client) =>
      client.verify({
        signal,
        onProgress: ({ bytes, bytesTotal }) =>
          progress.update({ label: 'verifying', done: bytes, total: bytesTotal }),
      }),
    ),
  ).finally(() => progress.end())
  printItem(shell, answer, { ...flags, text: describe, name: (item) => String(item.corrupt) })
  if (answer.corrupt > 0) {
    throw new IntegrityError(`${answer.corrupt} blocks of the store were wrong`, {
      data: { advice: `Pull again: ${answer.incompleteImages.join(' ') || 'nothing; no image had them'}` },
    })
  }
}

function describe({ blocks, corrupt, incompleteImages }: VerifyAnswer): string {
  return formatFacts([
    ['verified', `${blocks} blocks`],
    ['wrong', String(corrupt)],
    ['incomplete', incompleteImages.length > 0 ? incompleteImages.join(' ') : undefined],
  ])
}
