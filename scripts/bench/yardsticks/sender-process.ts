import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { StateError } from '../../../src/core/errors.ts'

/** A process that waits for connections and sends bytes: the other end of a yardstick. */
export interface Sender<Ready> {
  readonly ready: Ready
  /** What it reports next. */
  next(): Promise<unknown>
  stop(): Promise<void>
}

/** Starts a module of this folder; it sends its first message when it is ready. It ends with us. */
export async function startSender<Ready>(module: string, args: string[] = []): Promise<Sender<Ready>> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const child = fork(fileURLToPath(new URL(`./${module}.${extension}`, import.meta.url)), args, {
    serialization: 'advanced',
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.once('message', (message) => resolve(message as Ready))
    child.once('error', reject)
    child.once('exit', (code) => reject(new StateError(`${module} ended with ${code} before it was ready`)))
  })
  const reports: unknown[] = []
  const waiting: ((report: unknown) => void)[] = []
  child.on('message', (report) => {
    const waiter = waiting.shift()
    if (waiter === undefined) reports.push(report)
    else waiter(report)
  })
  return {
    ready,
    next: () =>
      reports.length > 0 ? Promise.resolve(reports.shift()) : new Promise((resolve) => waiting.push(resolve)),
    async stop() {
      child.disconnect()
      child.kill()
      await ended
    },
  }
}
