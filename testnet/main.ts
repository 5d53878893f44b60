import { Command, InvalidArgumentError } from 'commander'
import { exitCodeOfFailure, reportFailure } from '../src/cli/failure.ts'
import { addCompare } from './commands/add-compare.ts'
import { addLazyBoot } from './commands/add-lazy-boot.ts'
import { type ArenaFlags, addArenaFlags } from './commands/arena-flags.ts'
import { badDay, badDaysHelp } from './commands/bad-day.ts'
import { down } from './commands/down.ts'
import { figuresHelp, SWARM_FIGURES } from './commands/figures-help.ts'
import { run } from './commands/run.ts'
import { addSim } from './commands/sim.ts'
import { swarm } from './commands/swarm.ts'
import { sweep } from './commands/sweep.ts'
import { up } from './commands/up.ts'
import { parseSize } from './console.ts'
import { IMAGE_SIZE_BYTES_DEFAULT, IMAGE_SIZE_BYTES_MIN } from './images/images.ts'
import { defaultTestnetDir } from './state.ts'
import { TESTNET_NODES_MAX } from './testnet.ts'

/** `bootswarm testnet …`. Returns the exit code of the process; failures are reported on standard error. */
export async function runTestnet(argv: string[]): Promise<number> {
  const outcome = { exitCode: 0 }
  try {
    await buildProgram(outcome).parseAsync(argv, { from: 'user' })
    return outcome.exitCode
  } catch (error) {
    const { stdout, stderr, env } = process
    const debug = env['BOOTSWARM_DEBUG'] !== undefined
    reportFailure({ stdout, stderr, env, canAsk: false }, error, { debug })
    return exitCodeOfFailure(error)
  }
}

function buildProgram(outcome: { exitCode: number }): Command {
  const program = new Command('bootswarm testnet')
    .description(
      'a real tracker and real nodes on this machine, each a process of its own, with identities of their own',
    )
    .exitOverride()
    .showHelpAfterError('Run with --help to see what there is.')
  program
    .command('up')
    .description('start a testnet and leave it running in the background')
    .option('--nodes <n>', 'nodes to start', parseNodes, 8)
    .option('--seed <n>', 'seed of everything random', parseSeed, 1)
    .option('--dir <dir>', 'where its files lie; must be empty', defaultTestnetDir())
    .addHelpText('after', '\nExample:\n  $ bootswarm testnet up --nodes 4\n')
    .action(async (flags: Parameters<typeof up>[0]) => up(flags))
  addRun(program, outcome)
  addSim(program, outcome)
  program
    .command('down')
    .description('stop a testnet and remove its files')
    .option('--dir <dir>', 'where its files lie', defaultTestnetDir())
    .action(async (flags: Parameters<typeof down>[0]) => down(flags))
  addArena(program, outcome)
  addCompare(program, outcome)
  return program
}

function addArena(program: Command, outcome: { exitCode: number }): void {
  const swarmCommand = program
    .command('swarm')
    .description(
      'an image to all nodes of an arena at the same moment, with a rate for every link, beside one HTTP GET',
    )
    .addHelpText('after', figuresHelp(SWARM_FIGURES))
    .addHelpText('after', '\nExample:\n  $ bootswarm testnet swarm --nodes 8 --rate 100mbit --size 128MiB\n')
  addArenaFlags(swarmCommand, { nodes: 8, racks: 1 }).action(async (flags: ArenaFlags) => {
    outcome.exitCode = await swarm(flags)
  })
  const badDayCommand = program
    .command('bad-day')
    .argument('<name>', 'what goes wrong, see below')
    .description(
      'a swarm in an arena without and with something that goes wrong; exit code 1 when its goal is missed',
    )
    .addHelpText('after', badDaysHelp())
  addArenaFlags(badDayCommand, { nodes: 8, racks: 1 }).action(async (name: string, flags: ArenaFlags) => {
    outcome.exitCode = await badDay(name, flags)
  })
  addLazyBoot(program, outcome)
  program
    .command('sweep')
    .description('end and remove what arenas have left whose command was killed')
    .action(() => sweep())
}

function addRun(program: Command, outcome: { exitCode: number }): void {
  program
    .command('run')
    .argument(
      '<scenario>',
      'mass-boot: push an image once, all nodes pull it at the same moment; then a changed version',
    )
    .description('run a scenario on the testnet of "testnet up", or on a new one that ends with it')
    .option('--nodes <n>', 'nodes of a new testnet (default: 8)', parseNodes)
    .option('--image <file>', "a disk image of your own; default: ext4 made of this machine's files")
    .option('--size <bytes>', 'size of the images that are made', parseImageSize, IMAGE_SIZE_BYTES_DEFAULT)
    .option('--seed <n>', 'seed of everything random (default: 1 on a new testnet)', parseSeed)
    .option('--dir <dir>', 'where the testnet is, or is made')
    .option('--keep', 'leave the testnet running and say how to talk to it')
    .option('--json', 'print one JSON object on standard output, and everything else on standard error')
    .addHelpText(
      'after',
      '\nExamples:\n  $ bootswarm testnet run mass-boot --nodes 16\n  $ bootswarm testnet run mass-boot --image debian.raw --json\n',
    )
    .action(async (scenario: string, flags: Parameters<typeof run>[1]) => {
      outcome.exitCode = await run(scenario, flags)
    })
}

function parseNodes(text: string): number {
  const nodes = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (nodes >= 1 && nodes <= TESTNET_NODES_MAX) return nodes
  throw new InvalidArgumentError(`give a number from 1 to ${TESTNET_NODES_MAX}.`)
}

function parseSeed(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('give a number of up to nine digits.')
}

function parseImageSize(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes >= IMAGE_SIZE_BYTES_MIN) return bytes
  throw new InvalidArgumentError('give a size of at least 16M, such as 512M or 2G.')
}
