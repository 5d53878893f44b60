/**
 * `npm run bench [-- NAME… --json --runs N --size SIZE]`: figures, each beside its yardstick of the same run.
 * The table goes to standard output, or one JSON object with --json; what goes on to standard error.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { type Column, formatTable } from '../../src/cli/table.ts'
import { UsageError } from '../../src/core/errors.ts'
import { parseSize } from '../../testnet/console.ts'
import { guard } from '../../testnet/guard.ts'
import { makeImagePair } from '../../testnet/images/images.ts'
import type { Bench, BenchOptions } from './bench.ts'
import type { Row } from './row.ts'

const KiB = 1024
const BENCHES: Readonly<Record<string, () => Promise<{ run: Bench }>>> = {
  push: () => import('./push.ts'),
  store: () => import('./store.ts'),
  carrier: () => import('./carrier.ts'),
  transfer: () => import('./transfer.ts'),
  commonality: () => import('./commonality.ts'),
  memory: () => import('./memory.ts'),
  raw: () => import('./raw.ts'),
  raw16: () => import('./raw16.ts'),
  registry: () => import('./registry.ts'),
  solid: () => import('./solid.ts'),
  update: () => import('./update.ts'),
  cbt: () => import('./cbt.ts'),
  admission: () => import('./admission.ts'),
  announce: () => import('./announce.ts'),
  disk: () => import('./disk.ts'),
  'first-byte': () => import('./first-byte.ts'),
}

interface Flags {
  readonly json?: boolean
  readonly runs: number
  readonly size: number
  readonly seed: number
  readonly nodes: number
  readonly out?: string
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'bench', cell: (row) => row.bench },
  { title: 'figure', cell: (row) => row.figure },
  { title: 'value', right: true, cell: (row) => `${digits(row.value)} ${row.unit}` },
  {
    title: 'yardstick',
    right: true,
    cell: ({ yardstickValue: v, unit }) => (v === undefined ? '' : `${digits(v)} ${unit}`),
  },
  { title: 'of', cell: (row) => row.yardstick ?? '' },
  { title: 'times', right: true, cell: (row) => (row.ratio === undefined ? '' : row.ratio.toFixed(2)) },
  { title: 'goal', cell: goalText },
  { title: 'note', cell: (row) => row.note ?? '' },
]

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1)
}

function goalText({ goal }: Row): string {
  if (goal === undefined) return ''
  const bound = goal.atLeast === undefined ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`
  return `${bound} ${goal.met ? 'met' : 'MISSED'}`
}

async function main(names: readonly string[], flags: Flags): Promise<void> {
  const unknown = names.find((name) => BENCHES[name] === undefined)
  if (unknown !== undefined) {
    throw new UsageError(`there is no bench "${unknown}"; there are: ${Object.keys(BENCHES).join(', ')}`)
  }
  const dir = await mkdtemp(join(tmpdir(), 'bootswarm-bench-'))
  const release = guard({ dir, processes: () => [] })
  try {
    const rows = await runAll(names.length === 0 ? Object.keys(BENCHES) : names, flags, dir)
    const machine = { cpu: cpus()[0]?.model ?? '', cores: availableParallelism(), node: process.version }
    if (flags.json === true)
      process.stdout.write(`${JSON.stringify({ machine, ...flags, rows }, undefined, 2)}\n`)
    else
      process.stdout.write(
        `${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}\n${formatTable(COLUMNS, rows)}`,
      )
  } finally {
    await rm(dir, { recursive: true, force: true })
    release()
  }
}

async function runAll(names: readonly string[], flags: Flags, dir: string): Promise<Row[]> {
  const { runs, seed, nodes, size: imageBytes } = flags
  const say = (text: string) => process.stderr.write(`bench: ${text}\n`)
  let pair: Promise<{ first: string; second: string }> | undefined
  const images = () => {
    pair ??= makeImagePair({ dir: join(dir, 'images'), sizeBytes: imageBytes, seed }).then(
      ({ first, second }) => {
        return { first: first.path, second: second.path }
      },
    )
    return pair
  }
  const place = flags.out === undefined ? {} : { outDir: flags.out }
  const rows: Row[] = []
  for (const name of names) {
    const own: BenchOptions = { dir: join(dir, name), runs, seed, nodes, imageBytes, say, images, ...place }
    await mkdir(own.dir)
    try {
      const bench = await BENCHES[name]?.()
      rows.push(...((await bench?.run(own)) ?? []))
    } catch (error) {
      // The figures of the others still count.
      process.exitCode = 1
      say(`${name} failed: ${error instanceof Error ? error.message : String(error)}`)
    }
    await rm(own.dir, { recursive: true, force: true })
  }
  return rows
}

function parseRuns(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  throw new InvalidArgumentError('give a number from 1 to 99.')
}

function parseNodes(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('give a number from 1 to 9999.')
}

function parseImageSize(text: string): number {
  const bytes = parseSize(text)
  if (bytes === undefined || bytes < 64 * KiB * KiB)
    throw new InvalidArgumentError('give a size such as 512M.')
  return bytes
}

await new Command('npm run bench --')
  .description('measure the parts against their yardsticks in the same run')
  .argument('[names...]', `benches to run: ${Object.keys(BENCHES).join(', ')} (default: all)`)
  .option('--json', 'one JSON object on standard output')
  .option('--runs <n>', 'runs of each figure; the median counts', parseRuns, 3)
  .option('--size <bytes>', 'size of the disk images', parseImageSize, 1024 * KiB * KiB)
  .option('--out <dir>', 'where benches that have more than a table put their CSV, JSON and plots')
  .option('--nodes <n>', 'nodes that come, where a bench is about a crowd', parseNodes, 1000)
  .option('--seed <n>', 'seed of everything random', Number, 1)
  .action((names: string[], flags: Flags) => main(names, flags))
  .parseAsync()
  .catch((error: unknown) => {
    process.exitCode = 1
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  })
