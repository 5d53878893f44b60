import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { StateError, TimeoutError } from '../../src/core/errors.ts'
import { guard } from '../guard.ts'
import { isAlive, processRef, stopProcess } from '../processes.ts'

const START_TIMEOUT_MS = 15_000
const POLL_MS = 20
const END_GRACE_MS = 5_000
/** Connections at a time. */
const SHARED = 16

/** A raw file that QEMU's own NBD server offers read-only; what ours is measured against. */
export interface QemuNbd {
  readonly socket: string
  readonly name: string
  stop(): Promise<void>
}

/** It ends with this process at the latest. Errors: StateError with what it says when it ends at its start, TimeoutError. */
export async function startQemuNbd(init: { path: string; socket: string; name: string }): Promise<QemuNbd> {
  const { path, socket, name } = init
  const args = ['--read-only', '--persistent', '--format=raw', `--shared=${SHARED}`]
  const child = spawn('qemu-nbd', [...args, `--socket=${socket}`, `--export-name=${name}`, path], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let said = ''
  child.on('error', (error) => {
    said += error.message
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  if (child.pid === undefined) throw new StateError('qemu-nbd could not be started')
  const process = processRef(child.pid)
  const release = guard({ dir: undefined, processes: () => [process] })
  const stop = async () => {
    await stopProcess(process, END_GRACE_MS)
    release()
  }
  for (let waited = 0; !(await accepts(socket)); waited += POLL_MS) {
    if (isAlive(process) && waited < START_TIMEOUT_MS) {
      await sleep(POLL_MS)
      continue
    }
    await stop()
    if (waited >= START_TIMEOUT_MS) throw new TimeoutError('qemu-nbd does not listen')
    throw new StateError(`qemu-nbd ended at its start: ${said.trim()}`)
  }
  return { socket, name, stop }
}

async function accepts(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ path })
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  return await promise.finally(() => socket.destroy())
}
