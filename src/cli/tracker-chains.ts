import type { Command } from 'commander'
import type { ChainReport, RepairAnswer } from '../api/acl-schemas.ts'
import { UsageError } from '../core/errors.ts'
import { confirm } from './confirm.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'

type Flags = FormatFlags & SettingFlags
type RepairFlags = Flags & { readonly all?: true; readonly keep?: true; readonly yes?: true }

/** `tracker acl-check` and `tracker acl-repair`. */
export function addTrackerChains(tracker: Command, shell: Shell): void {
  const check = tracker
    .command('acl-check')
    .description(
      'read every signed ACL and record at the tracker and report what was changed outside of it; for admins',
    )
  addFormatOption(check)
  addSettingOptions(check, TRACKER_KEYS)
  check.addHelpText(
    'after',
    '\nThe tracker does so by itself when it starts and every six hours. Exit code 6 when something is wrong.',
  )
  teach(check, [['bootswarm tracker acl-check', 'after the restore of a backup']])
  check.action((flags: Flags) =>
    interruptible('run it again', async (signal) => {
      const report = await withTracker(shell, flags, ({ client }) => client.signed.checkChains({ signal }))
      printItem(shell, report, { ...flags, text: describe, name: ({ problems }) => `${problems.length}` })
      if (report.problems.some(({ repaired }) => !repaired)) shell.exitCode = 6
    }),
  )
  addRepair(tracker, shell)
}

function addRepair(tracker: Command, shell: Shell): void {
  const command = tracker
    .command('acl-repair')
    .argument('[target]', 'as acl-check names it: namespace:NAME, image:UUID or record:UUID')
    .description('go on with what lost signed statements, saying so in a new one; for admins')
    .option('--all', 'everything that acl-check finds')
    .option('--keep', 'keep rights and versions that are signed but perhaps not the newest that there were')
    .option('-y, --yes', 'do not ask')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.addHelpText(
    'after',
    '\nWithout --keep an ACL has no entries afterwards, only its owner, and versions that no chain has are gone:\nwhat somebody put back may be a right that was taken away. After the restore of a backup say --all --keep.',
  )
  teach(command, [
    ['bootswarm tracker acl-repair namespace:site', 'then look with acl show, and share again'],
    ['bootswarm tracker acl-repair --all --keep', 'after the restore of a backup'],
  ])
  command.action(async (target: string | undefined, flags: RepairFlags) => {
    if ((target === undefined) === (flags.all !== true))
      throw new UsageError('name what to repair, as acl-check does, or say --all')
    const keep = flags.keep === true
    if (flags.yes !== true && !keep)
      await confirm(shell, 'the entries of these ACLs and the versions that no chain has', {
        yes: '--yes or --keep',
      })
    const answer = await interruptible('run it again', (signal) =>
      withTracker(shell, flags, ({ client }) =>
        client.signed.repairChains({ target: target ?? 'all', keep }, { signal }),
      ),
    )
    printRepairs(shell, answer, flags)
  })
}

function printRepairs(shell: Shell, answer: RepairAnswer, flags: FormatFlags): void {
  if (answer.length === 0 && flags.format === 'table') shell.terminal.stdout.write('nothing was wrong\n')
  else
    printList(shell, answer, {
      ...flags,
      columns: [
        { title: 'target', cell: (row) => row.target },
        { title: 'statement', cell: (row) => `${row.serial}`, right: true },
        { title: 'entries', cell: (row) => (row.entries === undefined ? '' : `${row.entries}`), right: true },
        { title: 'kept', cell: (row) => row.kept?.join(' ') ?? '' },
        { title: 'dropped', cell: (row) => row.dropped?.join(' ') ?? '' },
      ],
      name: (row) => row.target,
    })
}

function describe({ chains, statements, renewed, problems }: ChainReport): string {
  return formatFacts([
    ['read', `${statements} statements in ${chains} chains`],
    ['signed anew', renewed === 0 ? undefined : `${renewed}, because the certificate of their signer ends`],
    ['problems', problems.length === 0 ? 'none' : `${problems.length}`],
    ...problems.map(
      ({ target, problem, repaired }) => [target, repaired ? `${problem}; put right` : problem] as const,
    ),
  ])
}
