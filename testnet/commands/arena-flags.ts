import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import type { Arena } from '../arena/arena.ts'
import { openArena } from '../arena/open-arena.ts'
import { parseRate } from '../arena/rates.ts'
import { ORIGIN_HOST, type Topology, uniformTopology } from '../arena/topology.ts'
import { parseSize } from '../console.ts'
import { writeRandomFile } from '../images/random-file.ts'

/** The links of an arena. */
export interface LinkFlags {
  readonly nodes: number
  /** Bits per second. */
  readonly rate: number
  readonly racks: number
  readonly uplink?: number
  readonly loopback?: boolean
  readonly json?: boolean
}

export interface ArenaFlags extends LinkFlags {
  /** Bytes. */
  readonly size: number
  readonly seed: number
}

const SIZE_BYTES_MIN = 1024 ** 2
const ARENA_NODES_MAX = 128

/** The options of all commands that open an arena for an image of bytes that do not compress. */
export function addArenaFlags(command: Command, defaults: { nodes: number; racks: number }): Command {
  return addLinkFlags(command, defaults)
    .option(
      '--size <bytes>',
      'size of the image, whose bytes do not compress',
      parseSizeFlag,
      128 * 1024 ** 2,
    )
    .option('--seed <n>', 'seed of the image', parseCount, 1)
}

/** The options of all commands that open an arena. */
export function addLinkFlags(command: Command, defaults: { nodes: number; racks: number }): Command {
  return command
    .option('--nodes <n>', 'nodes beside the origin', parseArenaNodes, defaults.nodes)
    .option(
      '--rate <rate>',
      'rate of every link in each direction, such as 100mbit or 1gbit',
      parseRateFlag,
      100e6,
    )
    .option('--racks <n>', 'racks that the nodes are dealt to', parseCount, defaults.racks)
    .option(
      '--uplink <rate>',
      "rate of each rack's uplink in each direction (default: no limit)",
      parseRateFlag,
    )
    .option('--loopback', 'shape links of the loopback interface by a process of ours, also as root')
    .option('--json', 'print one JSON object on standard output, and everything else on standard error')
}

export function topologyOf(
  flags: LinkFlags,
  odd: Parameters<typeof uniformTopology>[0]['odd'] = {},
): Topology {
  const { nodes, rate: bitsPerSecond, racks, uplink } = flags
  return uniformTopology({
    ...{ nodes, bitsPerSecond, racks: Math.min(racks, nodes), odd },
    ...(uplink === undefined ? {} : { uplinkBitsPerSecond: uplink }),
  })
}

/** Opens what the options say, and closes it whatever `work` does. */
export async function withArena<T>(
  init: { topology: Topology; loopback: boolean },
  work: (arena: Arena) => Promise<T>,
): Promise<T> {
  const arena = await openArena(init.topology, init.loopback ? { kind: 'loopback' } : {})
  try {
    return await work(arena)
  } finally {
    await arena.close()
  }
}

/** A file in the arena's directory whose bytes depend on the seed alone. */
export async function makeFile(arena: Arena, init: { sizeBytes: number; seed: number }): Promise<string> {
  const path = join(arena.dir, `image-${init.seed}`)
  await writeRandomFile(path, init)
  return path
}

/** Whether something else was at work on the machine: to be read with every figure. */
export function loadText(): string {
  const [minute = 0] = loadavg()
  return `${cpus().length} cores, load ${minute.toFixed(1)} at the start; origin "${ORIGIN_HOST}" and all nodes share them`
}

function parseCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (count >= 1) return count
  throw new InvalidArgumentError('give a number from 1 on.')
}

function parseArenaNodes(text: string): number {
  const count = parseCount(text)
  if (count <= ARENA_NODES_MAX) return count
  throw new InvalidArgumentError(`give a number from 1 to ${ARENA_NODES_MAX}.`)
}

function parseRateFlag(text: string): number {
  const rate = parseRate(text)
  if (rate !== undefined) return rate
  throw new InvalidArgumentError('give a rate of at least 500kbit, such as 100mbit or 1gbit.')
}

function parseSizeFlag(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes >= SIZE_BYTES_MIN) return bytes
  throw new InvalidArgumentError('give a size of at least 1M, such as 128MiB.')
}
