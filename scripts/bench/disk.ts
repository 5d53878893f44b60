import { execFile } from 'node:child_process'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { NbdExport } from '../../node/disk/nbd/export.ts'
import { silentObserver } from '../../node/disk/nbd/observer.ts'
import { NbdServer } from '../../node/disk/nbd/server.ts'
import { systemClock } from '../../src/core/clock.ts'
import { StateError } from '../../src/core/errors.ts'
import { silentLog } from '../../src/core/log.ts'
import { writeRandomFile } from '../../testnet/images/random-file.ts'
import { FileDisk } from '../../testnet/vm/file-disk.ts'
import { startQemuNbd } from '../../testnet/vm/qemu-nbd.ts'
import type { BenchOptions } from './bench.ts'
import { diskMemory } from './disk-memory.ts'
import { MB, median, timed } from './measure.ts'
import { MemoryDisk } from './memory-disk.ts'
import { type Row, rowOf } from './row.ts'
import { openStoredDisk } from './stored-disk.ts'

const execute = promisify(execFile)
const GiB = 1024 ** 3
const RANDOM_SECONDS = 2
const RANDOM_DEPTH = 16
const RANDOM_BYTES = 4096
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const GOALS = { sequential: 0.5, random: 0.4 }

/** What a server did in one run: megabytes a second one after the other, reads a second of 4 KiB. */
interface Speeds {
  readonly sequential: number
  readonly random: number
}

/** A disk that our server offers, and whether it is what machines are given. */
interface Offer {
  readonly what: string
  readonly disk: NbdExport
  readonly isReal: boolean
}

/**
 * Warm reads through our NBD server against `qemu-nbd` on the same raw file: of the image in a pack store, as the daemon offers it, and of a disk in memory and a raw file, which show
 * what the protocol alone costs.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const { dir, imageBytes, seed, images } = options
  const noise = join(dir, 'noise.raw')
  await writeRandomFile(noise, { sizeBytes: Math.min(imageBytes, GiB), seed })
  const { first } = await images()
  return [
    ...(await compare(options, { what: 'bytes that do not compress', path: noise, withBare: true })),
    ...(await compare(options, { what: 'disk of programs', path: first, withBare: false })),
    ...(await diskMemory(options)),
  ]
}

async function compare(
  options: BenchOptions,
  image: { what: string; path: string; withBare: boolean },
): Promise<Row[]> {
  const { path, what } = image
  const dir = join(options.dir, what.replaceAll(' ', '-'))
  await mkdir(dir)
  options.say(`disk: ${what}: into a store`)
  const file = await FileDisk.open({ name: 'disk', path })
  const stored = await openStoredDisk({ dir: join(dir, 'store'), path, name: 'disk' })
  const offers: Offer[] = [{ what: 'attached image', disk: stored.disk, isReal: true }]
  if (image.withBare) {
    const bytes = await readFile(path)
    offers.push({ what: 'disk in memory', disk: new MemoryDisk({ name: 'disk', bytes }), isReal: false })
    offers.push({ what: 'raw file', disk: file, isReal: false })
  }
  const server = new NbdServer({ clock: systemClock, observer: silentObserver, log: silentLog })
  const yardstick = await startQemuNbd({ path, socket: join(dir, 'qemu.sock'), name: 'disk' })
  try {
    const uris = [uriOf(yardstick.socket)]
    for (const [i, { disk }] of offers.entries()) {
      const socket = join(dir, `${i}.sock`)
      await server.listenAtPath(socket, () => [disk])
      uris.push(uriOf(socket))
    }
    const [yard = [], ...own] = await inTurns(options, { what, uris, bytes: (await stat(path)).size })
    return offers.flatMap((offer, i) => rowsOf(`${offer.what}, ${what}`, offer.isReal, [own[i] ?? [], yard]))
  } finally {
    await server.stop()
    await yardstick.stop()
    await stored.close()
    await file.close()
  }
}

/** Speeds of each server; in turns, so that what else the machine does meets all of them. The first turn warms up and does not count. */
async function inTurns(
  { runs, seed, say }: BenchOptions,
  init: { what: string; uris: readonly string[]; bytes: number },
): Promise<Speeds[][]> {
  const speeds = init.uris.map((): Speeds[] => [])
  for (let turn = 0; turn <= runs; turn++) {
    say(`disk: ${init.what}: ${turn === 0 ? 'warming up' : `run ${turn} of ${runs}`}`)
    for (const [i, uri] of init.uris.entries()) {
      const measured = await measure(uri, { bytes: init.bytes, seed: seed + turn })
      if (turn > 0) speeds[i]?.push(measured)
    }
  }
  return speeds
}

function uriOf(socket: string): string {
  return `nbd+unix:///disk?socket=${socket}`
}

async function measure(uri: string, init: { bytes: number; seed: number }): Promise<Speeds> {
  const seconds = await timed(() => execute('nbdcopy', [uri, 'null:']))
  return { sequential: init.bytes / seconds / MB, random: await randomReads(uri, init.seed) }
}

async function randomReads(uri: string, seed: number): Promise<number> {
  const args = [
    ...['--name=random', '--ioengine=nbd', `--uri=${uri}`, '--rw=randread', `--bs=${RANDOM_BYTES}`],
    ...[`--iodepth=${RANDOM_DEPTH}`, '--time_based', `--runtime=${RANDOM_SECONDS}`, `--randseed=${seed}`],
    '--output-format=json',
  ]
  const { stdout } = await execute('fio', args, { maxBuffer: OUTPUT_BYTES_MAX })
  // What libnbd says of itself may come before the object.
  const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as FioReport
  const iops = report.jobs[0]?.read.iops
  if (iops === undefined) throw new StateError('fio reports no reads')
  return iops
}

interface FioReport {
  readonly jobs: readonly { readonly read: { readonly iops: number } }[]
}

function rowsOf(
  what: string,
  isReal: boolean,
  [own, yard]: readonly [readonly Speeds[], readonly Speeds[]],
): Row[] {
  const row = (figure: string, unit: string, of: keyof Speeds) =>
    rowOf({
      ...{
        bench: 'disk',
        figure: `${figure}: ${what}`,
        unit,
        value: median(own.map((speeds) => speeds[of])),
      },
      yardstick: { name: 'qemu-nbd', value: median(yard.map((speeds) => speeds[of])) },
      ...(isReal ? { goal: { atLeast: GOALS[of] } } : {}),
    })
  return [row('sequential', 'MB/s', 'sequential'), row('random 4 KiB', 'reads/s', 'random')]
}
