import { type Command, InvalidArgumentError } from 'commander'
import { addArenaFlags } from './arena-flags.ts'
import { compareSystems } from './compare.ts'
import { COMPARE_FIGURES, figuresHelp } from './figures-help.ts'

const RUNS_MAX = 99

export function addCompare(program: Command, outcome: { exitCode: number }): void {
  const command = program
    .command('compare')
    .description('what people use today beside Bootswarm, on the same links and the same file')
    .option('--runs <n>', 'runs of every system; figures are medians', parseRuns, 1)
    .option('--systems <names>', 'only these, with commas between them; all: every setting', parseNames)
    .option('--image <file>', 'a file of your own instead of bytes that do not compress')
    .option('--update', 'a changed image, where each node has the one before')
    .option('--first <file>', 'with --update: what each node has')
    .option('--second <file>', 'with --update: what each node fetches')
    .option('--out <dir>', 'where JSON, CSV and plots are written')
    .addHelpText('after', figuresHelp(COMPARE_FIGURES))
    .addHelpText(
      'after',
      '\nExamples:\n  $ bootswarm testnet compare --nodes 8 --rate 100mbit --size 128MiB --runs 5 --out results\n  $ bootswarm testnet compare --racks 2 --uplink 200mbit --systems bootswarm,nginx\n  $ bootswarm testnet compare --update --first old.raw --second new.raw\n',
    )
  addArenaFlags(command, { nodes: 8, racks: 1 }).action(
    async (flags: Parameters<typeof compareSystems>[0]) => {
      outcome.exitCode = await compareSystems(flags)
    },
  )
}

function parseRuns(text: string): number {
  const runs = /^\d{1,2}$/.test(text) ? Number(text) : 0
  if (runs >= 1) return runs
  throw new InvalidArgumentError(`give a number from 1 to ${RUNS_MAX}.`)
}

/** `nginx,rsync` → both names. */
function parseNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.every((name) => /^[a-z0-9-]{1,40}$/.test(name))) return names
  throw new InvalidArgumentError('give names with commas between them.')
}
