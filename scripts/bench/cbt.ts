import { execFile } from 'node:child_process'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { NotFoundError, StateError } from '../../src/core/errors.ts'
import type { Arena } from '../../testnet/arena/arena.ts'
import { namespacesLack } from '../../testnet/arena/ip.ts'
import { openArena } from '../../testnet/arena/open-arena.ts'
import { uniformTopology } from '../../testnet/arena/topology.ts'
import type { Testnet } from '../../testnet/handles.ts'
import { firstDifference } from '../../testnet/images/compare.ts'
import { pushImage } from '../../testnet/peers/bootswarm.ts'
import type { Contestant } from '../../testnet/peers/contestant.ts'
import { nginx } from '../../testnet/peers/nginx.ts'
import { rsync } from '../../testnet/peers/rsync.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { withNode } from '../../testnet/with-node.ts'
import type { BenchOptions } from './bench.ts'
import { makeCbtImage, UNIT_BYTES } from './cbt-images.ts'
import { type CbtPoint, type CbtReport, writeCbtReport } from './cbt-report.ts'
import { MB, timed } from './measure.ts'
import { type Row, rowOf } from './row.ts'

const exec = promisify(execFile)
const BITS_PER_SECOND = 100_000_000
/** Ten seconds of the link; `--size` makes it smaller. */
const IMAGE_BYTES_MAX = 128 * 1024 * 1024
const SHARES = Array.from({ length: 11 }, (_, i) => i / 10)

/**
 * Content-Based Transfer (Bjerke, Shiyachki, Unterkircher, Habib: Tools and Techniques for Managing Virtual Machine Images, Euro-Par 2008
 * Workshops, LNCS 5415): speed of the whole image for a node that has a share of its bytes, against v = 1 / (Δi/vd + Δd/vn), the
 * most that disk and network allow.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const lack = namespacesLack()
  if (lack !== undefined) throw new StateError(`cbt needs links of known rate: ${lack}`)
  const sizeBytes =
    Math.floor(Math.min(options.imageBytes, IMAGE_BYTES_MAX) / UNIT_BYTES / 10) * 10 * UNIT_BYTES
  const base = join(options.dir, 'base')
  await makeCbtImage({ path: base, sizeBytes, seed: options.seed, different: 0, name: '' })
  const disk = sizeBytes / MB / (await diskSeconds(base))
  const arena = await openArena(uniformTopology({ nodes: 1, bitsPerSecond: BITS_PER_SECOND }), {
    kind: 'namespaces',
  })
  try {
    const network =
      sizeBytes /
      MB /
      (await contestantSeconds(arena, { contestant: nginx, file: base, previous: undefined }))
    options.say(`cbt: disk ${disk.toFixed(0)} MB/s, network ${network.toFixed(1)} MB/s`)
    const points = await measure(arena, { options, base, sizeBytes, disk, network })
    const report = { sizeBytes, bitsPerSecond: BITS_PER_SECOND, disk, network, points }
    if (options.outDir !== undefined) await writeCbtReport(report, options.outDir)
    return rowsOf(report)
  } finally {
    await arena.close()
  }
}

interface MeasureInit {
  readonly options: BenchOptions
  readonly base: string
  readonly sizeBytes: number
  readonly disk: number
  readonly network: number
}

async function measure(arena: Arena, init: MeasureInit): Promise<CbtPoint[]> {
  const { options, base, sizeBytes, disk, network } = init
  const [origin, ...receivers] = arena.hosts
  if (origin === undefined) throw new NotFoundError('the arena has no hosts')
  const dir = join(arena.dir, 't')
  const testnet = await createTestnet({ nodes: 1, dir, places: { tracker: origin, nodes: receivers } })
  const points: CbtPoint[] = []
  try {
    await fetchWith(arena, testnet, base)
    for (const different of SHARES) {
      options.say(`cbt: ${different * 100} % different`)
      const file = join(options.dir, 'image')
      await makeCbtImage({ path: file, sizeBytes, seed: options.seed, different, name: String(different) })
      const own = await fetchWith(arena, testnet, file)
      const other = await contestantSeconds(arena, { contestant: rsync, file, previous: base })
      const speed = (seconds: number) => sizeBytes / MB / seconds
      points.push({
        different,
        formula: 1 / ((1 - different) / disk + different / network),
        held: speed(own.pullSeconds),
        file: speed(own.pullSeconds + own.exportSeconds),
        rsync: speed(other),
        wireMegabytes: own.wireBytes / MB,
      })
      await rm(file)
    }
    return points
  } finally {
    await testnet.destroy()
  }
}

/** Reading the file from the disk and not from memory, where the file system can. */
async function diskSeconds(path: string): Promise<number> {
  const read = (flags: string[]) => exec('dd', [`if=${path}`, 'of=/dev/null', 'bs=1M', ...flags])
  await exec('sync', [path])
  try {
    return await timed(() => read(['iflag=direct']))
  } catch {
    return await timed(() => read([]))
  }
}

/** Pushes the image, then the node pulls it, and makes a file of it. Throws StateError when that is another file. */
async function fetchWith(arena: Arena, testnet: Testnet, file: string) {
  const [, host] = arena.hosts
  const [node] = testnet.nodes
  if (host === undefined || node === undefined) throw new NotFoundError('the testnet has no node')
  await pushImage(testnet, file, 'bench/cbt:latest')
  const target = join(node.exports, 'image')
  await rm(target, { force: true })
  const before = await host.traffic()
  const [pullSeconds, exportSeconds] = await withNode(node, async (client) => {
    const pull = await timed(() => client.pull('bench/cbt:latest'))
    return [pull, await timed(() => client.export({ reference: 'bench/cbt:latest', path: target }))] as const
  })
  const wireBytes = (await host.traffic()).receivedBytes - before.receivedBytes
  await checkSame(file, target)
  return { pullSeconds, exportSeconds, wireBytes }
}

async function contestantSeconds(
  arena: Arena,
  init: { contestant: Contestant; file: string; previous: string | undefined },
): Promise<number> {
  const { contestant, file, previous } = init
  const [origin, receiver] = arena.hosts
  if (origin === undefined || receiver === undefined) throw new NotFoundError('the arena has too few hosts')
  const probe = await contestant.probe()
  if ('lack' in probe) throw new StateError(`${contestant.name}: ${probe.lack}`)
  const dir = join(arena.dir, contestant.name)
  await mkdir(dir)
  try {
    const entry = await contestant.prepare({ origin, receivers: [receiver], file, previous, dir })
    try {
      const seconds = await timed(() => entry.fetch(receiver))
      await checkSame(file, await entry.output(receiver))
      return seconds
    } finally {
      await entry.close()
    }
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function checkSame(file: string, copy: string): Promise<void> {
  const { size } = await stat(copy)
  if ((await firstDifference(file, copy)) !== undefined)
    throw new StateError(`${copy} (${size} bytes) is not ${file}`)
}

function rowsOf({ points }: CbtReport): Row[] {
  return points.map(({ different, formula, file, held, rsync: theirs, wireMegabytes }) =>
    rowOf({
      bench: 'cbt',
      figure: `${(different * 100).toFixed(0)} % different`,
      value: held,
      unit: 'MB/s',
      yardstick: { name: 'the formula', value: formula },
      note: `rsync ${theirs.toFixed(1)} MB/s; with a file made of it ${file.toFixed(1)} MB/s; ${wireMegabytes.toFixed(1)} MB received`,
    }),
  )
}
