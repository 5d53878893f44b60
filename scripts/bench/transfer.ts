import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { PullResult } from '../../src/api/node-schemas.ts'
import { StateError } from '../../src/core/errors.ts'
import { writeRandomFile } from '../../testnet/images/random-file.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { withNode } from '../../testnet/with-node.ts'
import type { BenchOptions } from './bench.ts'
import { MB, median } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { libp2pStreamSeconds } from './yardsticks/libp2p-stream.ts'
import { tlsSocketSeconds } from './yardsticks/tls-socket.ts'

/** Size of the image that does not compress. */
const RANDOM_BYTES = 1024 ** 3

/** One pull, and what it cost the two processes. */
interface Pulled {
  readonly result: PullResult
  readonly nodeCpuSeconds: number
  readonly trackerCpuSeconds: number
}

/**
 * One peer to one node: a pull from the origin by a daemon that holds nothing, which checks, stores and indexes every block. The figure is of the
 * bytes of the image, inflated, verified and stored, against as many bytes on the wire as that takes through a bare TLS socket and a
 * bare libp2p stream, between two processes, thrown away on arrival. Twice: a disk of programs, whose blocks have to be inflated, and one of
 * bytes that do not compress, which come as they are. Yardsticks are taken after every pull, so that all meet the same load.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const { first } = await options.images()
  const random = join(options.dir, 'random.img')
  await writeRandomFile(random, { sizeBytes: RANDOM_BYTES, seed: options.seed })
  return [
    ...(await measure(options, { image: first, what: 'programs' })),
    ...(await measure(options, { image: random, what: 'incompressible' })),
  ]
}

async function measure(options: BenchOptions, init: { image: string; what: string }): Promise<Row[]> {
  const pulls: Pulled[] = []
  const seconds = { tls: [] as number[], libp2p: [] as number[] }
  for (let i = 0; i < options.runs; i++) {
    options.say(
      `transfer: ${init.what}: pull ${i + 1} of ${options.runs}, bare TLS socket, bare libp2p stream`,
    )
    const pulled = await pullOnce(init.image)
    pulls.push(pulled)
    const bytes = wireBytes(pulled.result)
    seconds.tls.push(...(await tlsSocketSeconds({ bytes, runs: 1 })))
    seconds.libp2p.push(...(await libp2pStreamSeconds({ bytes, runs: 1 }).catch(lost(options))))
  }
  const bytes = median(pulls.map(({ result }) => wireBytes(result)))
  const took = median(pulls.map(({ result }) => result.seconds))
  const stored = median(pulls.map(({ result }) => result.bytes.fetchedUncompressed))
  const tls = { name: 'bare node:tls socket', value: bytes / MB / median(seconds.tls) }
  const libp2p = { name: 'bare libp2p stream', value: bytes / MB / median(seconds.libp2p) }
  const compared = seconds.libp2p.length > 0 ? [libp2p] : []
  const row = { bench: 'transfer', unit: 'MB/s' }
  const wire = { ...row, figure: `${init.what}, wire`, value: bytes / MB / took }
  const note = `${(bytes / MB).toFixed(0)} MB on the wire, ${availableParallelism()} cores`
  const blocks = { ...row, figure: `${init.what}, verified and stored`, value: stored / MB / took }
  return [
    rowOf({ ...blocks, yardstick: tls, goal: { atLeast: 0.6 }, note: cpuNote(pulls, stored) }),
    rowOf({ ...wire, yardstick: tls, note }),
    ...compared.map((yardstick) => rowOf({ ...wire, yardstick, note })),
  ]
}

/** A second yardstick that fails takes nothing from the figures of the others. */
function lost({ say }: BenchOptions): (error: unknown) => [] {
  return (error) => {
    say(`transfer: no bare libp2p stream: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
}

function cpuNote(pulls: readonly Pulled[], storedBytes: number): string {
  const of = (of: 'nodeCpuSeconds' | 'trackerCpuSeconds') =>
    (median(pulls.map((pull) => pull[of])) / (storedBytes / 1024 ** 3)).toFixed(2)
  return `CPU-s per GiB stored: node ${of('nodeCpuSeconds')}, tracker ${of('trackerCpuSeconds')}`
}

function wireBytes({ bytes }: PullResult): number {
  return bytes.wireFromOrigin + bytes.wireFromPeers
}

async function pullOnce(image: string): Promise<Pulled> {
  const testnet = await createTestnet({ nodes: 1 })
  try {
    const done = await testnet.cli(['image', 'push', image, 'bench/disk:v1'])
    if (done.code !== 0) throw new StateError(`push failed: ${done.stderr}`)
    const [node] = testnet.nodes
    if (node === undefined) throw new StateError('the testnet has no node')
    const pids = [node.pid, testnet.tracker.pid]
    const before = pids.map(cpuSeconds)
    const result = await withNode(node, (client) => client.pull('bench/disk:v1'))
    const [nodeCpuSeconds = 0, trackerCpuSeconds = 0] = pids.map(
      (pid, i) => cpuSeconds(pid) - (before[i] ?? 0),
    )
    return { result, nodeCpuSeconds, trackerCpuSeconds }
  } finally {
    await testnet.destroy()
  }
}

/** CPU time of a process and its threads so far, in user and system mode (proc(5): utime and stime, in ticks of 10 ms). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}
