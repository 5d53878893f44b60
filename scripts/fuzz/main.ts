/** `npm run fuzz -- http [--requests N --seed N]`: generated and hostile requests to every route of a real tracker. */
import { Command, InvalidArgumentError } from 'commander'
import { fuzzTestnet } from './http/on-testnet.ts'

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

const program = new Command('npm run fuzz --').description(
  'send what nobody would send, and look what comes of it',
)
program
  .command('http')
  .description('every route of the tracker, as anonymous, node, user and admin')
  .option('--requests <n>', 'requests of each of them', parseCount, 5000)
  .option('--seed <n>', 'the same seed sends the same requests', parseCount, Date.now() % 1_000_000)
  .action(http)
await program.parseAsync().catch((error: unknown) => {
  process.exitCode = 1
  process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`)
})
