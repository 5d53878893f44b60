import type { Command } from 'commander'
import type { ChangePlacementBody, PlacementView } from '../api/placement-schemas.ts'
import type { TrackerClient } from '../api/tracker-client.ts'
import { UsageError } from '../core/errors.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { follow } from './image-place.ts'
import { addFormatOption, type FormatFlags, printItem, printList } from './output.ts'
import { everyPlace, PLACE_LIST, PLACEMENT_LIST, placementText } from './placement-text.ts'
import { addProgressOption, type ProgressFlags } from './progress.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

/** Images on their way to nodes: how far they are, and what admins decide about them. */
export function addPlacementCommands(program: Command, shell: Shell): void {
  const placement = program
    .command('placement')
    .description('images that are being brought to nodes (bootswarm image place); for admins')
  addLs(placement, shell)
  addShow(placement, shell)
  addNodes(placement, shell)
  addChanges(placement, shell)
}

type Use<T> = (client: TrackerClient, signal: AbortSignal) => Promise<T>

function atTracker<T>(shell: Shell, flags: SettingFlags, use: Use<T>): Promise<T> {
  return interruptible('run it again', (signal) =>
    withTracker(shell, flags, ({ client }) => use(client, signal)),
  )
}

function addLs(parent: Command, shell: Shell): void {
  const command = parent.command('ls').alias('list').description('placements, the newest first')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm placement ls', 'what is under way, waits, or has ended']])
  command.action((flags: FormatFlags & SettingFlags) =>
    atTracker(shell, flags, async (client, signal) => {
      const all: PlacementView[] = []
      for (;;) {
        const before = all.at(-1)?.placement
        const page = await client.placements.list(before === undefined ? {} : { before }, { signal })
        if (page.length === 0) break
        all.push(...page)
      }
      printList(shell, all, { ...flags, ...PLACEMENT_LIST })
    }),
  )
}

function addShow(parent: Command, shell: Shell): void {
  const command = parent
    .command('show')
    .argument('<placement>', 'its number')
    .description('how far it is, wave by wave')
    .option('--wait', 'stay until it has ended')
  addFormatOption(command)
  addProgressOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm placement show 7 --wait', 'watch a rollout']])
  command.action((text: string, flags: FormatFlags & ProgressFlags & SettingFlags & { wait?: true }) =>
    atTracker(shell, flags, async (client, signal) => {
      const made = await client.placements.get(numberOf(text), { signal })
      const view = flags.wait === true ? await follow(shell, client, { made, flags, signal }) : made
      print(shell, flags, view)
    }),
  )
}

function addNodes(parent: Command, shell: Shell): void {
  const command = parent
    .command('nodes')
    .argument('<placement>', 'its number')
    .description('how far each of its nodes is, and why some failed')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm placement nodes 7', 'which node has what, and what went wrong']])
  command.action((text: string, flags: FormatFlags & SettingFlags) =>
    atTracker(shell, flags, async (client, signal) => {
      printList(shell, await everyPlace(client, numberOf(text), { signal }), { ...flags, ...PLACE_LIST })
    }),
  )
}

function addChanges(parent: Command, shell: Shell): void {
  const change = (text: string, flags: FormatFlags & SettingFlags, body: ChangePlacementBody) =>
    atTracker(shell, flags, async (client, signal) => {
      print(shell, flags, await client.placements.change(numberOf(text), body, { signal }))
    })
  const declare = (name: string, description: string, example: string) => {
    const command = parent.command(name).argument('<placement>', 'its number').description(description)
    addFormatOption(command)
    addSettingOptions(command, TRACKER_KEYS)
    teach(command, [[`bootswarm placement ${name} ${example}`, description]])
    return command
  }
  declare('cancel', 'begin nothing more of it; what nodes are fetching they finish', '7').action(
    (text: string, flags: FormatFlags & SettingFlags) => change(text, flags, { action: 'cancel' }),
  )
  declare('resume', 'try failed nodes again and go on', '7')
    .option('--skip-failed', 'leave the failed nodes out')
    .action((text: string, flags: FormatFlags & SettingFlags & { skipFailed?: true }) =>
      change(text, flags, { action: 'resume', skipFailed: flags.skipFailed === true }),
    )
  declare('skip', 'leave nodes out that hold up the others', '7 hv3 hv4')
    .argument('<node...>')
    .action((text: string, nodes: string[], flags: FormatFlags & SettingFlags) =>
      change(text, flags, { action: 'skip', nodes }),
    )
}

function print(shell: Shell, flags: FormatFlags, view: PlacementView): void {
  printItem(shell, view, { ...flags, text: placementText, name: ({ placement }) => String(placement) })
}

function numberOf(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new UsageError(`"${text}" is no number of a placement: bootswarm placement ls`)
}
