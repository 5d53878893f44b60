import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { firstByteMs, startAnew } from '../../testnet/lazy-boot/first-byte.ts'
import { pushImage } from '../../testnet/peers/bootswarm.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { withNode } from '../../testnet/with-node.ts'
import type { BenchOptions } from './bench.ts'
import { median } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { writeSyntheticDisk } from './synthetic-disk.ts'

const MiB = 1024 * 1024
/** Peers that have all of every image, beside the origin. */
const PEERS = 3
const IMAGES = 2
/** The figure does not depend on it; two segments of manifest and more. */
const IMAGE_BYTES = 96 * MiB
/** Places that are read first: the start of a disk, which is brought in with every attach, and one that nobody could know of. */
const PLACES = [0, 61 * MiB]
const GOAL_MS = 100
/** What a daemon does when it has started is over by then, and so is what an attach leaves behind. */
const REST_MS = 2000

/**
 * Attach to first byte in a warm swarm: tracker, three peers that have the images, and a node that has nothing, each a process of this machine. Each run attaches on a daemon that was just started (it knows no
 * peer, and has no code warm), and then another image on the same daemon, whose connections are open. Measured from the request at its control API until 4 KiB have come through the socket of the disk.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const dir = join(options.dir, 'first-byte')
  await mkdir(dir)
  const testnet = await createTestnet({ nodes: PEERS + 1 })
  try {
    const references = await warmSwarm(testnet, { ...options, dir })
    const [node] = testnet.nodes.slice(-1)
    return node === undefined ? [] : await measure(node, references, options)
  } finally {
    await testnet.destroy()
  }
}

async function warmSwarm(testnet: Testnet, { dir, seed, say }: BenchOptions): Promise<string[]> {
  const references: string[] = []
  for (let i = 0; i < IMAGES; i++) {
    say(`first-byte: image ${i + 1} of ${IMAGES} into the swarm`)
    const reference = `bench/disk-${i + 1}:1`
    const path = join(dir, `${i}.raw`)
    await writeSyntheticDisk(path, { sizeBytes: IMAGE_BYTES, seed: seed + i })
    await pushImage(testnet, path, reference)
    const peers = testnet.nodes.slice(0, PEERS)
    await Promise.all(peers.map((peer) => withNode(peer, (client) => client.pull(reference))))
    references.push(reference)
  }
  return references
}

async function measure(
  node: NodeHandle,
  references: readonly string[],
  { runs, say }: BenchOptions,
): Promise<Row[]> {
  const disks = references.map((reference, i) => ({ reference, name: `disk-${i + 1}` }))
  const rows: Row[] = []
  for (const offset of PLACES) {
    const tookMs = disks.map((): number[] => [])
    for (let run = 0; run < runs; run++) {
      say(`first-byte: at ${offset / MiB} MiB: attach ${run + 1} of ${runs}`)
      for (const [i, disk] of disks.entries()) {
        await sleep(REST_MS)
        tookMs[i]?.push(await firstByteMs(node, { ...disk, offset }))
      }
      await startAnew(node, disks)
    }
    rows.push(...tookMs.map((values, i) => rowFor(values, { isFirst: i === 0, offset })))
  }
  return rows
}

function rowFor(tookMs: readonly number[], { isFirst, offset }: { isFirst: boolean; offset: number }): Row {
  const place = offset === 0 ? 'the first page' : 'a page in the middle'
  const who = isFirst ? 'first image of a daemon that just started' : 'another image, connections open'
  const [least, most] = [Math.min(...tookMs), Math.max(...tookMs)]
  return rowOf({
    ...{ bench: 'first-byte', figure: `${place}: ${who}`, value: median(tookMs), unit: 'ms' },
    goal: { atMost: GOAL_MS },
    note: `median of ${tookMs.length}, ${least.toFixed(0)} to ${most.toFixed(0)} ms`,
  })
}
