import { join } from 'node:path'
import { StateError } from '../../src/core/errors.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import type { BenchOptions } from './bench.ts'
import { MB, timed } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { writeSyntheticDisk } from './synthetic-disk.ts'
import { type Download, downloads } from './yardsticks/curl.ts'

const CLIENTS = 16
const CLIENT_BYTES = 2 * 1024 ** 3
const IMAGE_BYTES = 2 * CLIENT_BYTES
const STEP_BYTES = CLIENT_BYTES / CLIENTS

/**
 * 16 clients at once, 2 GiB each, and the most memory of the tracker meanwhile. First all fetch the same bytes; then each begins
 * 128 MiB after the one before it, so that none finds inflated what another has fetched.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const image = join(options.dir, 'disk.img')
  options.say('raw16: writing 4 GiB')
  await writeSyntheticDisk(image, { sizeBytes: IMAGE_BYTES, seed: options.seed })
  const testnet = await createTestnet({ nodes: 0 })
  try {
    options.say('raw16: push')
    const done = await testnet.cli(['image', 'push', image, 'bench/large:latest'])
    if (done.code !== 0) throw new StateError(`push failed: ${done.stderr}`)
    const port = Number(new URL(testnet.tracker.url).port)
    const identity = testnet.layout.identity('publisher')
    const one: Download = {
      port,
      path: '/api/images/raw/bench/large',
      bytes: CLIENT_BYTES,
      identity,
      start: 0,
    }
    const rows: Row[] = []
    for (const [what, step] of [['the same 2 GiB', 0] as const, ['apart', STEP_BYTES] as const]) {
      options.say(`raw16: ${what}`)
      await testnet.tracker.restart()
      const seconds = await timed(() => downloads(CLIENTS, (client) => ({ ...one, start: client * step })))
      const row = { bench: 'raw16', note: `${CLIENTS} clients, 2 GiB each, no failure` }
      const peak = (testnet.tracker.resident()?.peakBytes ?? Number.NaN) / MB
      const speed = (CLIENTS * CLIENT_BYTES) / MB / seconds
      rows.push(
        rowOf({ ...row, figure: `${what}, tracker's peak`, value: peak, unit: 'MB', goal: { atMost: 400 } }),
      )
      rows.push(rowOf({ ...row, figure: `${what}, all together`, value: speed, unit: 'MB/s' }))
    }
    return rows
  } finally {
    await testnet.destroy()
  }
}
