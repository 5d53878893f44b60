import { stat } from 'node:fs/promises'
import { StateError } from '../../src/core/errors.ts'
import { namespacesLack } from '../../testnet/arena/ip.ts'
import { openArena } from '../../testnet/arena/open-arena.ts'
import { uniformTopology } from '../../testnet/arena/topology.ts'
import { runRace } from '../../testnet/compare/race.ts'
import { bootswarm, bootswarmWith } from '../../testnet/peers/bootswarm.ts'
import { casync } from '../../testnet/peers/casync.ts'
import type { Contestant } from '../../testnet/peers/contestant.ts'
import { rsync, rsyncZstd } from '../../testnet/peers/rsync.ts'
import type { BenchOptions } from './bench.ts'
import { debianImage } from './debian-images.ts'
import { MB } from './measure.ts'
import { type Row, rowOf } from './row.ts'

const BITS_PER_SECOND = 100_000_000

/** What a node has and what it updates to: packages beside those of a minimal Debian. */
interface Pair {
  readonly name: string
  readonly first: string
  readonly second: string
  /** Whether the goal against rsync is for this pair. */
  readonly goal: boolean
}

const PAIRS: readonly Pair[] = [
  {
    name: 'ssh, curl → nginx, python3',
    first: 'openssh-server,curl',
    second: 'nginx-light,python3',
    goal: true,
  },
  {
    name: 'ssh, python3, vim → the same, gcc, make',
    first: 'openssh-server,python3,curl,rsync,vim',
    second: 'openssh-server,python3,curl,rsync,vim,gcc,make',
    goal: false,
  },
]

const solid = (mode: string) => ({ exchange: { solid: mode } })
const OURS: readonly Contestant[] = [
  bootswarm,
  bootswarmWith({
    name: 'bootswarm, always solid',
    setting: 'exchange.solid: always',
    config: solid('always'),
  }),
  bootswarmWith({ name: 'bootswarm, never solid', setting: 'exchange.solid: never', config: solid('never') }),
]

/**
 * Bytes over the link of a node that holds a Debian system and fetches another one, both directions, headers and manifest included;
 * the kernel counts them. casync and rsync do the same over the same link.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const lack = namespacesLack()
  if (lack !== undefined) throw new StateError(`update counts bytes of network namespaces: ${lack}`)
  const rows: Row[] = []
  for (const pair of PAIRS) {
    const first = await debianImage(pair.first, options.say)
    const second = await debianImage(pair.second, options.say)
    const of = async (contestant: Contestant) => {
      options.say(`update: ${pair.name}: ${contestant.name}`)
      return await race({ contestant, first, second }, options.signal)
    }
    const chunks = await of(casync)
    const plain = await of(rsync)
    const packed = await of(rsyncZstd)
    const best = packed.megabytes < plain.megabytes ? packed : plain
    const others = { chunks, delta: best, name: best === packed ? 'rsync --inplace -z' : 'rsync --inplace' }
    for (const contestant of OURS) rows.push(...rowsOf(pair, await of(contestant), { others, contestant }))
  }
  return rows
}

interface Result {
  readonly megabytes: number
  readonly seconds: number
}

async function race(
  init: { contestant: Contestant; first: string; second: string },
  signal?: AbortSignal,
): Promise<Result> {
  const { contestant, first, second } = init
  const probe = await contestant.probe()
  if ('lack' in probe) throw new StateError(`${contestant.name}: ${probe.lack}`)
  const arena = await openArena(uniformTopology({ nodes: 1, bitsPerSecond: BITS_PER_SECOND }), {
    kind: 'namespaces',
  })
  try {
    const linkSeconds = ((await stat(second)).size * 8) / BITS_PER_SECOND
    const result = await runRace(
      { arena, contestant, file: second, previous: first, linkSeconds },
      signal === undefined ? {} : { signal },
    )
    const [node] = result.nodes
    if (node === undefined || result.verified !== 1)
      throw new StateError(`${contestant.name} brought something else`)
    return { megabytes: (node.receivedBytes + node.sentBytes) / MB, seconds: node.seconds }
  } finally {
    await arena.close()
  }
}

function rowsOf(
  pair: Pair,
  ours: Result,
  { others, contestant }: { others: { chunks: Result; delta: Result; name: string }; contestant: Contestant },
): Row[] {
  const { chunks, delta, name } = others
  const row = {
    bench: 'update',
    figure: `${pair.name}: ${contestant.name}`,
    value: ours.megabytes,
    unit: 'MB',
  }
  const times = (other: Result) => `${ours.seconds.toFixed(1)} s of ${other.seconds.toFixed(1)} s`
  return [
    rowOf({
      ...row,
      yardstick: { name: 'casync, zstd, with seed', value: chunks.megabytes },
      goal: { atMost: 0.8 },
      note: times(chunks),
    }),
    rowOf({
      ...row,
      yardstick: { name, value: delta.megabytes },
      ...(pair.goal ? { goal: { atMost: 0.25 } } : {}),
      note: times(delta),
    }),
  ]
}
