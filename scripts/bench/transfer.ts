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

/**
 * One peer to one node: a pull from the origin by a daemon that holds nothing, which checks, stores and indexes every block.
 * Against as many bytes through a bare libp2p stream and a bare TLS socket, between two processes, thrown away on arrival.
 * Twice: a disk of programs, whose blocks have to be inflated, and one of bytes that do not compress, which come as they are.
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
  const pulls: PullResult[] = []
  for (let i = 0; i < options.runs; i++) {
    options.say(`transfer: ${init.what}: pull ${i + 1} of ${options.runs}`)
    pulls.push(await pullOnce(init.image))
  }
  const bytes = median(pulls.map(wireBytes))
  const speed = bytes / MB / median(pulls.map((pull) => pull.seconds))
  options.say('transfer: bare libp2p stream, bare TLS socket')
  const libp2p = bytes / MB / median(await libp2pStreamSeconds({ bytes, runs: options.runs }))
  const tls = bytes / MB / median(await tlsSocketSeconds({ bytes, runs: options.runs }))
  const wire = { bench: 'transfer', figure: `${init.what}, wire`, value: speed, unit: 'MB/s' }
  const note = `${(bytes / MB).toFixed(0)} MB on the wire, ${availableParallelism()} cores`
  return [
    rowOf({
      ...wire,
      yardstick: { name: 'bare libp2p stream', value: libp2p },
      goal: { atLeast: 0.6 },
      note,
    }),
    rowOf({ ...wire, yardstick: { name: 'bare node:tls socket', value: tls }, note }),
    rowOf({
      bench: 'transfer',
      figure: `${init.what}, blocks`,
      value: median(pulls.map((pull) => pull.bytes.fetchedUncompressed / MB / pull.seconds)),
      unit: 'MB/s',
      note: 'uncompressed, checked and stored',
    }),
  ]
}

function wireBytes({ bytes }: PullResult): number {
  return bytes.wireFromOrigin + bytes.wireFromPeers
}

async function pullOnce(image: string): Promise<PullResult> {
  const testnet = await createTestnet({ nodes: 1 })
  try {
    const done = await testnet.cli(['image', 'push', image, 'bench/disk:v1'])
    if (done.code !== 0) throw new StateError(`push failed: ${done.stderr}`)
    const [node] = testnet.nodes
    if (node === undefined) throw new StateError('the testnet has no node')
    return await withNode(node, (client) => client.pull('bench/disk:v1'))
  } finally {
    await testnet.destroy()
  }
}
