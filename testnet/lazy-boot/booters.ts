import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { silentObserver } from '../../node/disk/nbd/observer.ts'
import { NbdServer } from '../../node/disk/nbd/server.ts'
import { systemClock } from '../../src/core/clock.ts'
import { IntegrityError } from '../../src/core/errors.ts'
import { silentLog } from '../../src/core/log.ts'
import { type StartProgram, startHere } from '../daemon.ts'
import { type BootTrace, bootTrace, type Replayed, replayTrace } from '../vm/boot-trace.ts'
import { DiskClient } from '../vm/disk-client.ts'
import { FileDisk } from '../vm/file-disk.ts'
import { bootGuest, type GuestReads } from '../vm/guest.ts'
import type { GuestImage } from '../vm/guest-image.ts'
import type { GuestDrive } from '../vm/overlay.ts'
import { startQemuNbd } from '../vm/qemu-nbd.ts'
import { RecordingDisk } from '../vm/recording-disk.ts'
import type { Slices } from '../vm/slices.ts'

/** A disk that a booter reads from. */
export type BootDrive = Exclude<GuestDrive, { kind: 'overlay' }>

/** What has booted. */
export interface Booted {
  readonly reads: GuestReads
  /** Whether it reads right. Errors: IntegrityError, those of the guest. */
  verify(): Promise<void>
  end(): Promise<void>
}

/** Boots machines of one image. Resolves at the login prompt. Errors: those of `bootGuest` and DiskClient. */
export type Booter = (drive: BootDrive) => Promise<Booted>

/** Machines of QEMU, which read a file at the end that no boot reads. */
export function machineBooter(image: GuestImage, slices: Slices | undefined): Booter {
  const start: StartProgram = (file, args, options) => {
    const child = startHere(file, args, options)
    if (child.pid !== undefined) slices?.admit(child.pid)
    return child
  }
  return async (drive) => {
    const guest = await bootGuest({ image, drive, start })
    return {
      reads: guest.bootReads,
      verify: async () => {
        await guest.console.login()
        const printed = await guest.console.run(`sha256sum ${image.probe.path}`)
        if (printed.split(' ')[0] !== image.probe.sha256)
          throw new IntegrityError(`a guest reads ${image.probe.path} wrong`)
      },
      end: () => guest.end(),
    }
  }
}

/** What a machine asked of a disk that has the bytes at once, in the order of its asking, and when. `dir` is for a socket. Errors: those of `bootGuest`. */
export async function recordTrace(
  image: GuestImage,
  { dir, slices }: { dir: string; slices: Slices | undefined },
): Promise<BootTrace> {
  const file = await FileDisk.open({ name: 'recorded', path: image.disk })
  const server = new NbdServer({ clock: systemClock, observer: silentObserver, log: silentLog })
  try {
    const disk = new RecordingDisk(file)
    const socket = join(dir, 'recorded.sock')
    await server.listenAtPath(socket, () => [disk])
    const begin = disk.seconds
    const booted = await machineBooter(image, slices)({ kind: 'nbd', socket, name: disk.name })
    const trace = bootTrace(disk.record().reads, { begin, end: disk.seconds })
    await booted.end()
    return trace
  } finally {
    await server.stop()
    await file.close()
  }
}

/** Readers that ask for what a machine asked for, over NBD, and think as long; a file is offered to them by qemu-nbd. `dir` is for sockets. */
export function traceBooter(image: GuestImage, { trace, dir }: { trace: BootTrace; dir: string }): Booter {
  let count = 0
  const replayed = async (place: { socket: string; name: string }): Promise<Booted> => {
    const client = await DiskClient.open({ ...place, timeoutMs: ANSWER_TIMEOUT_MS })
    const { bytes } = await replayTrace(trace, { client, clock: systemClock }).finally(() => client.close())
    const reads = { requests: bytes.length, bytes: bytes.reduce((sum, { length }) => sum + length, 0) }
    return { reads, verify: () => compareReads(image, trace, bytes), end: async () => {} }
  }
  return async (drive) => {
    if (drive.kind === 'nbd') return await replayed(drive)
    const socket = join(dir, `replayed-${++count}.sock`)
    const server = await startQemuNbd({ path: drive.path, socket, name: 'replayed' })
    return await replayed(server).finally(() => server.stop())
  }
}

/** As long as a machine waits for its disk at the least (Linux: 30 s until it complains). */
const ANSWER_TIMEOUT_MS = 60_000

async function compareReads(image: GuestImage, trace: BootTrace, bytes: Replayed['bytes']): Promise<void> {
  const file = await open(image.disk)
  try {
    for (const [i, { offset, length }] of trace.reads.entries()) {
      const expected = Buffer.alloc(length)
      await file.read(expected, 0, length, offset)
      if (bytes[i]?.equals(expected) !== true)
        throw new IntegrityError(`${length} bytes at ${offset} were read wrong`)
    }
  } finally {
    await file.close()
  }
}
