import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AbortedError, StateError } from '../../src/core/errors.ts'
import { type StartProgram, startHere } from '../daemon.ts'
import { guard } from '../guard.ts'
import { isAlive, type ProcessRef, processRef, stopProcess } from '../processes.ts'
import type { GuestImage } from './guest-image.ts'
import { type GuestDrive, makeOverlay } from './overlay.ts'
import { QmpMonitor } from './qmp.ts'
import { SerialConsole } from './serial-console.ts'

/** From start to the prompt: ten seconds on an idle machine, several times that where four boot on two cores. */
const BOOT_TIMEOUT_MS = 240_000
const END_GRACE_MS = 5_000
const MEMORY_MIB = 512
/** A kernel that says nothing but the prompt: an emulated serial line is slow. */
const KERNEL_ARGUMENTS = 'root=/dev/vda rw console=ttyS0 quiet'

export interface GuestInit {
  /** Its kernel and its initrd; the disk is read from `drive`. */
  readonly image: GuestImage
  readonly drive: GuestDrive
  /** Default: on this machine. */
  readonly start?: StartProgram
}

/** What a guest has asked of its disk. */
export interface GuestReads {
  readonly requests: number
  readonly bytes: number
}

/** A virtual machine that has come to its login prompt, emulated in software (TCG). */
export interface Guest {
  /** From the start of QEMU to the login prompt. */
  readonly bootSeconds: number
  /** Up to the login prompt, as QEMU counts it. */
  readonly bootReads: GuestReads
  readonly console: SerialConsole
  /** Process id of QEMU. */
  readonly pid: number
  /** Ends it at once, as a power cut does, and removes its overlay. */
  end(): Promise<void>
}

/**
 * Boots a guest to its login prompt. It ends with this process at the latest.
 * Errors: StateError when QEMU ends, TimeoutError, both with the end of the console; AbortedError.
 */
export async function bootGuest(init: GuestInit, options: { signal?: AbortSignal } = {}): Promise<Guest> {
  const dir = await mkdtemp(join(tmpdir(), 'bs-vm-'))
  const processes: ProcessRef[] = []
  const release = guard({ dir, processes: () => processes })
  let monitor: QmpMonitor | undefined
  const end = async () => {
    for (const process of processes) if (isAlive(process)) await stopProcess(process, END_GRACE_MS)
    monitor?.close()
    await rm(dir, { recursive: true, force: true })
    release()
  }
  try {
    const overlay = await makeOverlay(init.drive, join(dir, 'overlay.qcow2'))
    const qmp = join(dir, 'qmp.sock')
    monitor = await QmpMonitor.listen(qmp)
    const begin = performance.now()
    const child = start(init, { overlay, qmp })
    const serial = consoleOf(child, options.signal)
    if (child.pid === undefined) throw new StateError('QEMU could not be started')
    processes.push(processRef(child.pid))
    await serial.expect(/\blogin: /, BOOT_TIMEOUT_MS)
    const bootSeconds = (performance.now() - begin) / 1000
    const bootReads = await readsOf(monitor)
    return { bootSeconds, bootReads, console: serial, pid: child.pid, end }
  } catch (error) {
    await end()
    throw options.signal?.aborted === true
      ? new AbortedError('the boot was stopped', { cause: error })
      : error
  }
}

function start(init: GuestInit, paths: { overlay: string; qmp: string }): ChildProcess {
  const disk = { driver: 'qcow2', 'node-name': 'disk', file: { driver: 'file', filename: paths.overlay } }
  const args = [
    ...['-accel', 'tcg', '-m', String(MEMORY_MIB), '-smp', '1', '-nodefaults', '-no-user-config'],
    ...['-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-chardev', `socket,id=qmp,path=${paths.qmp}`, '-mon', 'chardev=qmp,mode=control'],
    ...['-kernel', init.image.kernel, '-initrd', init.image.initrd, '-append', KERNEL_ARGUMENTS],
    ...['-blockdev', JSON.stringify(disk), '-device', 'virtio-blk-pci,drive=disk,id=disk0'],
    ...['-device', 'virtio-rng-pci'],
  ]
  const starting = init.start ?? startHere
  return starting('qemu-system-x86_64', args, { stdio: ['pipe', 'pipe', 'pipe'] })
}

function consoleOf(child: ChildProcess, signal: AbortSignal | undefined): SerialConsole {
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null)
    throw new StateError('QEMU was started without pipes')
  const serial = new SerialConsole({ output: stdout, input: stdin })
  let complaint = ''
  stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000)
  })
  const onAbort = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted === true) onAbort()
  child.once('error', (error) => serial.end(`QEMU could not be started: ${error.message}`))
  child.once('close', (code, killedBy) => {
    signal?.removeEventListener('abort', onAbort)
    serial.end(`QEMU has ended (${killedBy ?? `exit ${code}`}) ${complaint.trim()}`)
  })
  return serial
}

interface BlockStats {
  readonly qdev?: string
  readonly stats: { readonly rd_operations: number; readonly rd_bytes: number }
}

async function readsOf(monitor: QmpMonitor): Promise<GuestReads> {
  const all = (await monitor.execute('query-blockstats')) as readonly BlockStats[]
  const disk = all.find(({ qdev = '' }) => qdev.includes('disk0'))
  if (disk === undefined) throw new StateError('QEMU does not know the disk that it was given')
  return { requests: disk.stats.rd_operations, bytes: disk.stats.rd_bytes }
}
