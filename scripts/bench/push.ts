import { execFile } from 'node:child_process'
import { stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StateError } from '../../src/core/errors.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import type { BenchOptions } from './bench.ts'
import { MB, median, medianSeconds, timed } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { casyncMake, casyncVersion } from './yardsticks/casync.ts'
import { sha256File } from './yardsticks/sha256-file.ts'

const exec = promisify(execFile)
/** How much larger the disk of a cloud image is than a disk that its files fill to 40 %. */
const CLOUD_FACTOR = 4

/**
 * Push of a disk image with the real command line to a real tracker, against sha-256 alone and casync. Twice: a disk that files fill
 * to 40 %, and the same file system on a disk four times as large, as cloud images are.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const { first } = await options.images()
  const cloud = join(options.dir, 'cloud.img')
  await grow(first, { target: cloud, sizeBytes: (await stat(first)).size * CLOUD_FACTOR })
  const version = await casyncVersion()
  if (version === undefined) options.say('push: casync is not installed')
  return [
    ...(await measure(options, { image: first, what: 'disk 40 % full', version })),
    ...(await measure(options, { image: cloud, what: 'disk 10 % full', version })),
  ]
}

async function grow(image: string, init: { target: string; sizeBytes: number }): Promise<void> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  await exec('cp', ['--sparse=always', image, init.target])
  await truncate(init.target, init.sizeBytes)
  await exec('resize2fs', ['-f', init.target], { env })
}

async function measure(
  options: BenchOptions,
  init: { image: string; what: string; version: string | undefined },
): Promise<Row[]> {
  const { image, what, version } = init
  const imageMB = (await stat(image)).size / MB
  options.say(`push: ${what}: sha-256 alone`)
  const hashing = imageMB / (await medianSeconds(options.runs, () => sha256File(image)))
  if (version !== undefined) options.say(`push: ${what}: casync make`)
  const casync =
    version === undefined
      ? undefined
      : imageMB / (await medianSeconds(options.runs, () => casyncMake(image, options.dir)))
  const push = imageMB / (await pushSeconds(image, options))
  const row = { bench: 'push', figure: what, value: push, unit: 'MB/s', note: 'of the image, holes included' }
  const hashed = rowOf({ ...row, yardstick: { name: 'sha-256 alone, one core', value: hashing } })
  if (casync === undefined) return [hashed, rowOf({ ...row, note: 'casync is not installed: no yardstick' })]
  const yardstick = { name: `casync make (${version})`, value: casync }
  return [hashed, rowOf({ ...row, yardstick, goal: { atLeast: 5 } })]
}

/** Each run has a tracker of its own that holds nothing yet. The start of the command line counts. */
async function pushSeconds(image: string, options: BenchOptions): Promise<number> {
  const seconds: number[] = []
  for (let i = 0; i < options.runs; i++) {
    options.say(`push: run ${i + 1} of ${options.runs}`)
    const testnet = await createTestnet({ nodes: 0 })
    try {
      seconds.push(
        await timed(async () => {
          const done = await testnet.cli(['image', 'push', image, 'bench/disk:v1'])
          if (done.code !== 0) throw new StateError(`push failed: ${done.stderr}`)
        }),
      )
    } finally {
      await testnet.destroy()
    }
  }
  return median(seconds)
}
