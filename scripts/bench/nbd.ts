import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
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
import { MB, median, timed } from './measure.ts'
import { MemoryDisk } from './memory-disk.ts'
import { type Row, rowOf } from './row.ts'

const execute = promisify(execFile)
const GiB = 1024 ** 3
const RANDOM_SECONDS = 2
const RANDOM_DEPTH = 16
const RANDOM_BYTES = 4096

/** Somebody who offers the same bytes. */
interface Server {
  readonly what: string
  readonly uri: string
}

/** What a server did in one run: megabytes a second one after the other, reads a second of 4 KiB. */
interface Speeds {
  readonly sequential: number
  readonly random: number
}

/** Warm reads through our NBD server, of a disk in memory and of a raw file, against `qemu-nbd` on the same file. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const { dir, imageBytes, seed, say } = options
  const path = join(dir, 'disk.raw')
  // Bytes without holes: everybody has to send all of them.
  await writeRandomFile(path, { sizeBytes: Math.min(imageBytes, GiB), seed })
  const file = await FileDisk.open({ name: 'disk', path })
  const memory = new MemoryDisk({ name: 'disk', bytes: await readFile(path) })
  const ours = new NbdServer({ clock: systemClock, observer: silentObserver, log: silentLog })
  const yardstick = await startQemuNbd({ path, socket: join(dir, 'qemu.sock'), name: 'disk' })
  try {
    const offer = async (what: string, disk: NbdExport): Promise<Server> => {
      const socket = join(dir, `${what}.sock`)
      await ours.listenAtPath(socket, () => [disk])
      return { what, uri: uriOf(socket) }
    }
    const servers = [
      { what: 'qemu-nbd', uri: uriOf(yardstick.socket) },
      await offer('memory', memory),
      await offer('file', file),
    ]
    const speeds = servers.map((): Speeds[] => [])
    // In turns, so that what else the machine does meets all of them.
    for (let turn = 0; turn < options.runs; turn++) {
      for (const [i, server] of servers.entries()) {
        say(`nbd: ${server.what}, run ${turn + 1} of ${options.runs}`)
        speeds[i]?.push(await measure(server.uri, { bytes: memory.size, seed: seed + turn }))
      }
    }
    const [yard = [], ...own] = speeds
    return own.flatMap((some, i) => rowsOf(servers[i + 1]?.what ?? '', some, yard))
  } finally {
    await ours.stop()
    await yardstick.stop()
    await file.close()
  }
}

function uriOf(socket: string): string {
  return `nbd+unix:///disk?socket=${socket}`
}

async function measure(uri: string, init: { bytes: number; seed: number }): Promise<Speeds> {
  const seconds = await timed(() => execute('nbdcopy', [uri, 'null:']))
  return { sequential: init.bytes / seconds / MB, random: await randomReads(uri, init.seed) }
}

async function randomReads(uri: string, seed: number): Promise<number> {
  const { stdout } = await execute('fio', [
    ...['--name=random', '--ioengine=nbd', `--uri=${uri}`, '--rw=randread', `--bs=${RANDOM_BYTES}`],
    ...[`--iodepth=${RANDOM_DEPTH}`, '--time_based', `--runtime=${RANDOM_SECONDS}`, `--randseed=${seed}`],
    '--output-format=json',
  ])
  // What libnbd says of itself may come before the object.
  const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as FioReport
  const iops = report.jobs[0]?.read.iops
  if (iops === undefined) throw new StateError('fio reports no reads')
  return iops
}

interface FioReport {
  readonly jobs: readonly { readonly read: { readonly iops: number } }[]
}

function rowsOf(what: string, own: readonly Speeds[], yard: readonly Speeds[]): Row[] {
  const row = (figure: string, unit: string, of: keyof Speeds) =>
    rowOf({
      ...{ bench: 'nbd', figure: `${figure}, ${what}`, unit, value: median(own.map((speeds) => speeds[of])) },
      yardstick: { name: 'qemu-nbd', value: median(yard.map((speeds) => speeds[of])) },
      note: `${own.length} runs in turns`,
    })
  return [row('sequential', 'MB/s', 'sequential'), row('random 4 KiB', 'reads/s', 'random')]
}
