import { stat } from 'node:fs/promises'
import { StateError } from '../../src/core/errors.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import type { BenchOptions } from './bench.ts'
import { MB, median, medianSeconds, timed } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { casyncMake, casyncVersion } from './yardsticks/casync.ts'
import { sha256File } from './yardsticks/sha256-file.ts'

/** Push of a disk image with the real command line to a real tracker, against sha-256 alone and casync. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const { first } = await options.images()
  const imageMB = (await stat(first)).size / MB
  options.say('push: sha-256 alone')
  const hashing = imageMB / (await medianSeconds(options.runs, () => sha256File(first)))
  const version = await casyncVersion()
  options.say(version === undefined ? 'push: casync is not installed' : 'push: casync make')
  const casync =
    version === undefined
      ? undefined
      : imageMB / (await medianSeconds(options.runs, () => casyncMake(first, options.dir)))
  const push = imageMB / (await pushSeconds(first, options))
  const row = { bench: 'push', value: push, unit: 'MB/s', note: 'of the image, holes included' }
  return [
    rowOf({
      ...row,
      figure: 'bootswarm image push',
      yardstick: { name: 'sha-256 alone, one core', value: hashing },
    }),
    casync === undefined
      ? rowOf({ ...row, figure: 'bootswarm image push', note: 'casync is not installed: no yardstick' })
      : rowOf({
          ...row,
          figure: 'bootswarm image push',
          yardstick: { name: `casync make (${version})`, value: casync },
          goal: { atLeast: 5 },
        }),
  ]
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
