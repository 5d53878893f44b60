import type { Command } from 'commander'
import type { HoardImage, HoardView } from '../api/hoard-schemas.ts'
import { StateError } from '../core/errors.ts'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { type Column, formatFacts, formatTable } from './table.ts'
import { formatBytes, formatShare } from './units.ts'

type Flags = FormatFlags & SettingFlags & { fill?: true }

const IMAGES: readonly Column<HoardImage>[] = [
  { title: 'image', cell: imageText },
  { title: 'asked as', cell: ({ reference }) => reference },
  { title: 'boot', cell: ({ bytes }) => (bytes === 0 ? '' : formatBytes(bytes)), right: true },
  { title: 'state', cell: stateOf },
  {
    title: 'attached',
    cell: ({ attachedAt }) => (attachedAt === 0 ? 'never' : new Date(attachedAt).toISOString()),
  },
]

export function addDiskHoard(disk: Command, shell: Shell): void {
  const command = disk
    .command('hoard')
    .description('what is kept ready of what machines read while they boot, before anybody attaches')
    .option(
      '--fill',
      'look at all images now, and wait until everything was tried; an error when not all of what has its place is here then',
    )
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [
    ['bootswarm disk hoard', 'images whose boots wait for no other machine, and what there is room for'],
    ['bootswarm disk hoard --fill', 'before many machines are to boot'],
    ['bootswarm disk hoard -o json', 'for a script'],
  ])
  command.action((flags: Flags) =>
    interruptible('the node goes on with it', (signal) =>
      withNode(shell, flags, async ({ hoard }) => {
        const view = await (flags.fill === true ? hoard.fill({ signal }) : hoard.get({ signal }))
        const name = ({ images }: HoardView) =>
          images
            .filter(({ ready }) => ready)
            .map(imageText)
            .join(' ')
        printItem(shell, view, { ...flags, text: describe, name })
        if (flags.fill === true) checkReady(view)
      }),
    ),
  )
}

/** Throws StateError: a script is to know that a boot which has its place is not here yet. */
function checkReady({ images }: HoardView): void {
  const coming = images.filter((image) => stateOf(image) === 'coming').map(imageText)
  if (coming.length === 0) return
  const advice = 'The log of the node says why. It tries again within the hour, or by the same command.'
  throw new StateError(`not ready yet: ${coming.slice(0, 20).join(', ')}`, { data: { advice } })
}

function describe({ budgetBytes, bytes, fetchedBytes, evicted, images }: HoardView): string {
  const used = budgetBytes === 0 ? 'nothing is kept' : `${formatShare(bytes, budgetBytes)} of it used`
  const facts = formatFacts([
    ['budget', `${formatBytes(budgetBytes)}, ${used}`],
    ['kept', `${formatBytes(bytes)} of ${images.filter(({ ready }) => ready).length} images`],
    ['fetched', `${formatBytes(fetchedBytes)} since the node started`],
    ['gave way', `${evicted} images since then`],
  ])
  return images.length === 0 ? facts : `${facts}\n${formatTable(IMAGES, images)}`
}

function imageText({ namespace, image, version }: HoardImage): string {
  return `${namespace}/${image}@${version}`
}

function stateOf({ bytes, ready }: HoardImage): string {
  if (ready) return 'ready'
  return bytes === 0 ? 'not kept' : 'coming'
}
