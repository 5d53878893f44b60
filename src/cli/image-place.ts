import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { PlacementView } from '../api/placement-schemas.ts'
import type { TrackerClient } from '../api/tracker-client.ts'
import { StateError, UsageError } from '../core/errors.ts'
import { parseWaveSize } from '../core/placement.ts'
import { parseReference } from '../core/reference.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { parseLabels } from './labels.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { countText, placementText } from './placement-text.ts'
import { addProgressOption, openProgress, type ProgressFlags } from './progress.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

type Flags = FormatFlags &
  ProgressFlags &
  SettingFlags & {
    to?: readonly string[]
    all?: true
    copies?: string
    at?: string
    waves?: string
    failures: string
    wait?: true
  }

const WATCH_MS = 2000

export function addImagePlace(image: Command, shell: Shell): void {
  const command = image
    .command('place')
    .argument('<image>', 'namespace/name, namespace/name:tag or namespace/name@version')
    .description('bring an image to nodes before anybody boots it; for admins')
    .option('--to <label=value...>', 'nodes that have all of these labels')
    .option('--all', 'every active node')
    .option('--copies <n>', 'so many of them, one of each rack in turn (default: all of them)')
    .option(
      '--at <time>',
      'when to begin: 2026-01-31T06:30 here, …Z in UTC, 06:30 the next time it is that late (default: now)',
    )
    .option(
      '--waves <sizes>',
      'a rollout in steps: nodes, or shares of all, up to and with each wave; the next begins when one has ended',
    )
    .option('--failures <n>', 'nodes that may fail before it halts', '0')
    .option('--wait', 'stay until it has ended')
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image place site/debian:12 --to rack=17', 'every node of a rack fetches it now'],
    [
      'bootswarm image place site/debian:12 --to zone=a --copies 4 --at 06:30',
      'four nodes, before people come',
    ],
    [
      'bootswarm image place site/debian:12 --all --waves 1,10%,100% --wait',
      'one node, then a tenth, then the rest',
    ],
  ])
  command.action((text: string, flags: Flags) => {
    parseReference(text)
    const body = { reference: text, ...wishes(shell, flags) }
    return interruptible('the placement goes on; bootswarm placement ls', (signal) =>
      withTracker(shell, flags, async ({ client }) => {
        const made = await client.placements.place(body, { signal })
        const placement = flags.wait === true ? await follow(shell, client, { made, flags, signal }) : made
        printItem(shell, placement, { ...flags, text: placementText, name: (item) => String(item.placement) })
        if (placement.state === 'halted')
          throw new StateError(
            `placement ${placement.placement} halted: bootswarm placement nodes ${placement.placement}`,
          )
      }),
    )
  })
}

/** Errors: UsageError, InvalidError. */
function wishes(shell: Shell, { to, all, copies, at, waves, failures }: Flags) {
  if ((to === undefined) === (all === undefined))
    throw new UsageError('say which nodes: --to label=value, or --all')
  const sizes = waves?.split(',')
  sizes?.forEach(parseWaveSize)
  return {
    labels: parseLabels(to ?? []),
    failuresMax: wholeNumber(failures, '--failures'),
    ...(copies === undefined ? {} : { copies: wholeNumber(copies, '--copies') }),
    ...(at === undefined ? {} : { at: new Date(parseTime(at, shell.clock.now())).toISOString() }),
    ...(sizes === undefined ? {} : { waves: sizes }),
  }
}

function wholeNumber(text: string, flag: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text)
  throw new UsageError(`${flag} takes a whole number`)
}

/** Milliseconds since the epoch. Without a zone the time is that of this machine. Errors: UsageError. */
export function parseTime(text: string, nowMs: number): number {
  const clock = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text)
  if (clock !== null) {
    const time = new Date(nowMs)
    time.setHours(Number(clock[1]), Number(clock[2]), 0, 0)
    if (time.getTime() <= nowMs) time.setDate(time.getDate() + 1)
    return time.getTime()
  }
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms))
    throw new UsageError(`"${text}" is no time; give one such as 2026-01-31T06:30 or 06:30`)
  return ms
}

/** Until every place has ended, or it was halted or cancelled. */
export async function follow(
  shell: Shell,
  client: TrackerClient,
  { made, flags, signal }: { made: PlacementView; flags: ProgressFlags; signal: AbortSignal },
): Promise<PlacementView> {
  const progress = openProgress(shell, flags)
  try {
    let view = made
    while (view.state === 'waiting' || view.state === 'active') {
      const { done, failed, skipped } = view.nodes
      const total = Object.values(view.nodes).reduce((sum, count) => sum + count, 0)
      progress.update({ label: `nodes, ${countText(view.nodes)}`, done: done + failed + skipped, total })
      await sleep(WATCH_MS, undefined, { signal })
      view = await client.placements.get(view.placement, { signal })
    }
    return view
  } finally {
    progress.end()
  }
}
