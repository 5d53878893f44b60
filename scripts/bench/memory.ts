import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StateError } from '../../src/core/errors.ts'
import type { Testnet } from '../../testnet/handles.ts'
import { firstDifference } from '../../testnet/images/compare.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { withNode } from '../../testnet/with-node.ts'
import type { BenchOptions } from './bench.ts'
import { MB } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { writeSyntheticDisk } from './synthetic-disk.ts'

const IMAGE_BYTES = 4 * 1024 ** 3

/** Most resident memory of a daemon that pulls a 4 GiB image full of data, and of the tracker that took and serves it. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const image = join(options.dir, 'disk.img')
  options.say('memory: writing 4 GiB')
  await writeSyntheticDisk(image, { sizeBytes: IMAGE_BYTES, seed: options.seed })
  const testnet = await createTestnet({ nodes: 1 })
  try {
    options.say('memory: push')
    const done = await testnet.cli(['image', 'push', image, 'bench/large:v1'])
    if (done.code !== 0) throw new StateError(`push failed: ${done.stderr}`)
    return await measurePull(testnet, image, options)
  } finally {
    await testnet.destroy()
    await rm(image, { force: true })
  }
}

async function measurePull(testnet: Testnet, image: string, options: BenchOptions): Promise<Row[]> {
  const [node] = testnet.nodes
  if (node === undefined) throw new StateError('the testnet has no node')
  options.say('memory: pull')
  const pull = await withNode(node, (client) => client.pull('bench/large:v1'))
  const peaks = [node.resident()?.peakBytes, testnet.tracker.resident()?.peakBytes]
  options.say('memory: export and compare')
  const path = join(node.exports, 'large.img')
  await withNode(node, (client) => client.export({ reference: 'bench/large:v1', path }))
  if ((await firstDifference(image, path)) !== undefined)
    throw new StateError('the export differs from the source')
  const [nodePeak = Number.NaN, trackerPeak = Number.NaN] = peaks.map((bytes) => (bytes ?? Number.NaN) / MB)
  const note = `${pull.blocks.fetched} blocks, ${pull.seconds.toFixed(1)} s, export identical`
  const row = { bench: 'memory', unit: 'MB' }
  return [
    rowOf({ ...row, figure: 'node pulling 4 GiB, peak', value: nodePeak, goal: { atMost: 250 }, note }),
    rowOf({ ...row, figure: 'tracker taking and serving it, peak', value: trackerPeak }),
  ]
}
