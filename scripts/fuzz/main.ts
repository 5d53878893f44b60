/** `npm run fuzz -- http|nbd [--seed N …]`: generated and hostile requests to every route of a real tracker, and hostile clients of a server of disks. */
import { Command, InvalidArgumentError } from 'commander'
import { fuzzTestnet } from './http/on-testnet.ts'
import { fuzzNbd } from './nbd/fuzz.ts'

interface Flags {
  readonly requests: number
  readonly seed: number
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('give a number.')
}

async function http(flags: Flags): Promise<void> {
  const say = (text: string) => process.stderr.write(`fuzz: ${text}\n`)
  say(`seed ${flags.seed}`)
  const report = await fuzzTestnet({
    ...flags,
    onDefect: ({ caller, request, fault }) => say(`DEFECT as ${caller}: ${fault}\n  ${request}`),
  })
  const { statuses, routes, defects } = report
  process.stdout.write(`${JSON.stringify({ ...flags, routes, statuses, defects: defects.length })}\n`)
  if (defects.length > 0) process.exitCode = 1
}

interface NbdFlags {
  readonly sessions: number
  readonly crowd: number
  readonly seed: number
  readonly session?: number
}

async function nbd(flags: NbdFlags): Promise<void> {
  const say = (text: string) => process.stderr.write(`fuzz: ${text}\n`)
  say(`seed ${flags.seed}`)
  const { defects, ...report } = await fuzzNbd({ ...flags, onDefect: (defect) => say(`DEFECT ${defect}`) })
  process.stdout.write(`${JSON.stringify({ ...flags, ...report, defects: defects.length })}\n`)
  if (defects.length > 0) process.exitCode = 1
}

const program = new Command('npm run fuzz --').description(
  'send what nobody would send, and look what comes of it',
)
program
  .command('http')
  .description('every route of the tracker, as anonymous, node, user and admin')
  .option('--requests <n>', 'requests of each of them', parseCount, 5000)
  .option('--seed <n>', 'the same seed sends the same requests', parseCount, Date.now() % 1_000_000)
  .action(http)
program
  .command('nbd')
  .description('handshakes and requests of a server of disks, and clients that leave as they should not')
  .option('--sessions <n>', 'clients, one after the other, some at a time', parseCount, 2000)
  .option('--crowd <n>', 'clients that come at once', parseCount, 1000)
  .option('--seed <n>', 'the same seed makes the same sessions', parseCount, Date.now() % 1_000_000)
  .option('--session <n>', 'only this one', parseCount)
  .action(nbd)
await program.parseAsync().catch((error: unknown) => {
  process.exitCode = 1
  process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`)
})
