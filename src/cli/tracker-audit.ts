import { createReadStream } from 'node:fs'
import { type Command, Option } from 'commander'
import {
  AuditChain,
  type AuditFilter,
  type AuditLine,
  matchesAudit,
  parseAuditLine,
} from '../core/audit-line.ts'
import { IntegrityError, InvalidError, NotFoundError } from '../core/errors.ts'
import { parseTime, TIME_FORMS } from '../core/quantity.ts'
import { AUDIT_LINE_BYTES_MAX, AUDIT_ROWS_MAX } from '../core/registry-limits.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, type ListView, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

const ADVICE =
  'Compare with a copy that nobody at the tracker can write to, and look who could write to these files.'

interface Flags extends FormatFlags, SettingFlags {
  readonly verify?: true
  readonly asker?: string
  readonly action?: string
  readonly result?: 'done' | 'refused' | 'failed'
  readonly target?: string
  readonly since?: string
  readonly until?: string
  readonly limit: string
}

export function addTrackerAudit(tracker: Command, shell: Shell): void {
  const command = tracker
    .command('audit')
    .argument('[files...]', 'files of an audit log, oldest first; without any, the tracker is asked')
    .description('who changed what and who was refused: at the tracker (for admins), or in files without it')
    .option('--verify', 'check that no line of the files was changed, moved or removed')
    .option('--asker <text>', 'part of a distinguished name or of a name')
    .option('--action <text>', 'beginning of an action, such as image')
    .addOption(new Option('--result <result>', 'what became of it').choices(['done', 'refused', 'failed']))
    .option('--target <text>', 'part of a name that requests were about')
    .option('--since <time>', 'ISO 8601, or seconds since the epoch')
    .option('--until <time>', 'the end, exclusive')
    .option('--limit <n>', 'lines that are shown: the newest', '100')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  command.addHelpText(
    'after',
    `
The log is dataDir/audit/audit.jsonl at the tracker; full files are audit-NUMBER.jsonl beside it. Each line has the digest of the line
before it. That the last lines were not cut off can be told only by who has kept what --verify printed before.`,
  )
  teach(command, [
    ['bootswarm tracker audit --result refused --since 2030-01-01', 'who was refused this year'],
    [
      'bootswarm tracker audit --verify /var/lib/bootswarm/tracker/audit/*.jsonl',
      'whether somebody edited it',
    ],
    ['bootswarm tracker audit audit.jsonl --asker alice -o json', 'what alice did, for a script'],
  ])
  command.action((files: string[], flags: Flags) =>
    interruptible('nothing was changed', async (signal) => {
      if (flags.verify === true) return await verify(shell, files, signal)
      const limit = limitOf(flags.limit)
      const lines =
        files.length === 0
          ? await ask(shell, flags, { limit, signal })
          : await read(files, flags, { limit, signal })
      printList(shell, lines, { ...flags, ...AUDIT_LIST })
    }),
  )
}

const AUDIT_LIST: ListView<AuditLine> = {
  columns: [
    { title: 'time', cell: ({ time }) => time },
    { title: 'asker', cell: ({ asker, dn, kind }) => asker ?? dn ?? kind ?? '' },
    { title: 'action', cell: ({ action }) => action },
    { title: 'target', cell: targetOf },
    { title: 'result', cell: ({ result }) => result },
    { title: 'why', cell: ({ detail, count }) => detail ?? (count === undefined ? '' : String(count)) },
  ],
  name: ({ seq }) => String(seq),
}

function targetOf({ target = {} }: AuditLine): string {
  const { namespace, name, ...rest } = target
  const image = [namespace, name].filter((part) => part !== undefined).join('/')
  return [image, ...Object.entries(rest).map(([key, value]) => `${key}=${value}`)]
    .filter((text) => text !== '')
    .join(' ')
}

interface Wanted {
  readonly limit: number
  readonly signal: AbortSignal
}

/** The newest lines at the tracker, oldest of them first. */
async function ask(shell: Shell, flags: Flags, { limit, signal }: Wanted): Promise<AuditLine[]> {
  const { asker, action, result, target, since, until } = flags
  const given = { asker, action, result, target, since, until }
  const filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const lines: AuditLine[] = []
  await withTracker(shell, flags, async ({ client }) => {
    for (let before: number | null | undefined; before !== null && lines.length < limit; ) {
      const page = {
        limit: Math.min(AUDIT_ROWS_MAX, limit - lines.length),
        ...(before === undefined ? {} : { before }),
      }
      const answer = await client.accounting.audit({ ...filter, ...page }, { signal })
      lines.push(...answer.lines)
      before = answer.next
    }
  })
  return lines.reverse()
}

/** The last lines of files that are wanted. */
async function read(files: readonly string[], flags: Flags, { limit, signal }: Wanted): Promise<AuditLine[]> {
  const { asker, action, result, target } = flags
  const times = { sinceMs: timeOf('--since', flags.since), untilMs: timeOf('--until', flags.until) }
  const filter: AuditFilter = { asker, action, result, target, ...times }
  const lines: AuditLine[] = []
  for await (const { text, place } of linesOf(files, signal)) {
    const line = parseAuditLine(text)
    if (line === undefined) throw new InvalidError(`${place} is no line of an audit log`)
    if (!matchesAudit(line, filter)) continue
    lines.push(line)
    // Not at every line: taking one away from the front moves all.
    if (lines.length > 2 * limit) lines.splice(0, lines.length - limit)
  }
  return lines.slice(-limit)
}

async function verify(shell: Shell, files: readonly string[], signal: AbortSignal): Promise<void> {
  if (files.length === 0) throw new InvalidError('name the files to check, oldest first')
  const chain = new AuditChain()
  let count = 0
  let faults = 0
  for await (const { text, place } of linesOf(files, signal)) {
    count++
    const fault = chain.next(text)
    if (fault === undefined) continue
    faults++
    shell.terminal.stderr.write(`${place} ${fault}\n`)
  }
  if (faults > 0)
    throw new IntegrityError(`${faults} of ${count} lines are not what the tracker wrote`, {
      data: { faults, advice: ADVICE },
    })
  const { seq, digest } = chain.head ?? { seq: 0, digest: '' }
  shell.terminal.stdout.write(`${count} lines, the last is number ${seq} with digest ${digest}\n`)
}

/** Whole lines of files with where they stand; one that the tracker is writing just now is not among them. */
async function* linesOf(
  files: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<{ text: string; place: string }> {
  for (const path of files) {
    let number = 0
    let rest = ''
    try {
      for await (const piece of createReadStream(path, { encoding: 'utf8', signal })) {
        const lines = (rest + piece).split('\n')
        rest = lines.pop() ?? ''
        if (rest.length > AUDIT_LINE_BYTES_MAX) throw new InvalidError(`${path} is no audit log`)
        for (const text of lines) yield { text, place: `${path}:${++number}` }
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
      throw new NotFoundError(`there is no file ${path}`, { cause })
    }
  }
}

function limitOf(text: string): number {
  const limit = /^[1-9]\d{0,6}$/.test(text) ? Number(text) : undefined
  if (limit === undefined) throw new InvalidError('--limit must be a number from 1 to 9999999')
  return limit
}

function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseTime(text)
  if (ms === undefined) throw new InvalidError(`${name} must be ${TIME_FORMS}`)
  return ms
}
