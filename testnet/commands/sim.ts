import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { ERROR_TABLE, UsageError } from '../../src/core/errors.ts'
import { parseRate } from '../arena/rates.ts'
import { parseSize } from '../console.ts'
import { judge } from '../sim/judge.ts'
import { curveSvg } from '../sim/plot.ts'
import { allMet, curveCsv, reportText, type SimReport } from '../sim/report.ts'
import { SCENARIOS, type Scenario } from '../sim/scenarios.ts'
import { settingOf } from '../sim/setting.ts'
import { figuresHelp, SIM_FIGURES } from './figures-help.ts'

export interface SimFlags {
  readonly scenario?: string
  readonly nodes?: number
  readonly size?: number
  /** Bits per second. */
  readonly rate?: number
  readonly racks?: number
  readonly uplink?: number
  readonly seed: number
  readonly scale?: number
  readonly json?: boolean
  readonly out?: string
}

const NODES_MAX = 20_000
const RACKS_MAX = 1000
const SCALE_MAX = 1024
const SIZE_BYTES_MIN = 16 * 1024 ** 2

export function addSim(program: Command, outcome: { exitCode: number }): void {
  const names = Object.entries(SCENARIOS).map(([name, { summary }]) => `  ${name.padEnd(14)} ${summary}`)
  program
    .command('sim')
    .description('the real policies of exchange and tracker on a simulated network, in virtual time')
    .option(
      '--scenario <name>',
      'one of those below; figures and goals are printed, a missed goal is exit code 1',
    )
    .option('--nodes <n>', 'nodes that fetch (default: of the scenario, or 1000)', countUpTo(NODES_MAX))
    .option('--size <bytes>', 'size of the image on the wire, such as 15GB or 256MiB', parseSizeFlag)
    .option('--rate <rate>', 'rate of every link in each direction, such as 1gbit', parseRateFlag)
    .option('--racks <n>', 'racks that the nodes are dealt to', countUpTo(RACKS_MAX))
    .option(
      '--uplink <rate>',
      "rate of each rack's uplink (default: a quarter of the sum in it)",
      parseRateFlag,
    )
    .option('--seed <n>', 'seed of everything random: the same seed gives the same result', countUpTo(1e9), 1)
    .option(
      '--scale <n>',
      'MiB of a run (default: as few as the number of transfers allows)',
      countUpTo(SCALE_MAX),
    )
    .option('--json', 'print one JSON object on standard output, and everything else on standard error')
    .option('--out <dir>', 'write sim.json, sim.csv and sim.svg there')
    .addHelpText('after', figuresHelp(SIM_FIGURES))
    .addHelpText(
      'after',
      `\nScenarios:\n${names.join('\n')}\n\nExamples:\n  $ bootswarm testnet sim --scenario steady\n  $ bootswarm testnet sim --nodes 10000 --size 15GB --rate 1gbit\n`,
    )
    .action(async (flags: SimFlags) => {
      outcome.exitCode = await sim(flags)
    })
}

/** Plays one scenario; returns the exit code: 1 when a goal is missed. */
async function sim(flags: SimFlags): Promise<number> {
  const scenario = scenarioOf(flags)
  const init = settingOf(scenario, {
    seed: flags.seed,
    scale: flags.scale,
    uplinkBitsPerSecond: flags.uplink,
  })
  const report: SimReport = {
    format: 'bootswarm/sim/1',
    scenario: flags.scenario ?? 'swarm',
    init,
    ...judge(scenario, init),
  }
  const text = flags.json === true ? process.stderr : process.stdout
  text.write(reportText(report))
  if (flags.json === true) process.stdout.write(`${JSON.stringify(report)}\n`)
  if (flags.out !== undefined) await writeReport(flags.out, report)
  return allMet(report) ? 0 : ERROR_TABLE.E_INTERNAL.exit
}

function scenarioOf(flags: SimFlags): Scenario {
  const { scenario: name, nodes, size, rate, racks } = flags
  const found = name === undefined ? { ...SCENARIOS['steady'], goals: [] } : SCENARIOS[name]
  if (found === undefined) {
    throw new UsageError(`there is no scenario "${name}"; there is: ${Object.keys(SCENARIOS).join(', ')}`)
  }
  return {
    ...(found as Scenario),
    ...(nodes === undefined ? {} : { nodes }),
    ...(size === undefined ? {} : { sizeBytes: size }),
    ...(rate === undefined ? {} : { rateBitsPerSecond: rate }),
    ...(racks === undefined ? {} : { racks }),
  }
}

async function writeReport(dir: string, report: SimReport): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'sim.json'), `${JSON.stringify(report, null, 2)}\n`)
  await writeFile(join(dir, 'sim.csv'), curveCsv(report.played.curve))
  await writeFile(join(dir, 'sim.svg'), await curveSvg(report))
}

function countUpTo(most: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,10}$/.test(text) ? Number(text) : 0
    if (count >= 1 && count <= most) return count
    throw new InvalidArgumentError(`give a number from 1 to ${most}.`)
  }
}

function parseSizeFlag(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes >= SIZE_BYTES_MIN) return bytes
  throw new InvalidArgumentError('give a size of at least 16M, such as 256MiB or 15GB.')
}

function parseRateFlag(text: string): number {
  const rate = parseRate(text)
  if (rate !== undefined) return rate
  throw new InvalidArgumentError('give a rate of at least 500kbit, such as 100mbit or 1gbit.')
}
