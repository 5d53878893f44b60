import { systemClock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { ServiceManager } from './service-manager.ts'
import { firstSignal } from './signals.ts'

/** Time that stopping may take after a defect: what is left then is not going to end by itself. */
const DEFECT_STOP_TIMEOUT_MS = 10_000

/** A log that can say that a program ends because of a defect; a pino logger is one. */
export interface DaemonLog extends Log {
  fatal(data: object, message: string): void
}

/** What runs until it is told to stop. */
export interface Daemon {
  stop(): Promise<void>
}

/**
 * Runs a program until SIGTERM or SIGINT, or until an error that nobody caught; returns the exit code, 1 after a
 * defect. `ready` is called once it runs; what it returns is what systemd shows of it. Errors: those of `start`.
 */
export async function runDaemon<T extends Daemon>(
  components: { log: DaemonLog },
  start: () => Promise<T>,
  ready: (daemon: T) => string,
): Promise<number> {
  const { log } = components
  const asked = firstSignal().then(() => 0)
  const defect = firstDefect(log).then(() => 1)
  const daemon = await Promise.race([start(), defect])
  if (typeof daemon === 'number') return daemon
  const manager = new ServiceManager({ log, clock: systemClock }, { env: process.env })
  manager.ready(ready(daemon))
  const code = await Promise.race([asked, defect])
  manager.stopping()
  if (code === 0) await daemon.stop()
  else await stopAfterDefect(log, daemon)
  await manager.told()
  return code
}

/** In order if possible: parts of a program that has lost an error may wait for ever, or fail. */
async function stopAfterDefect(log: DaemonLog, daemon: Daemon): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, DEFECT_STOP_TIMEOUT_MS)
  try {
    await Promise.race([daemon.stop(), late])
  } catch (error) {
    log.error({ err: error }, 'could not stop in order')
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves at the first error that nobody caught; every one of them is logged. */
function firstDefect(log: DaemonLog): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  // Node.js reports a rejection that nobody handles here too, as it has no handler of its own.
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, 'a defect: an error that nobody caught ends this program')
    resolve()
  })
  return promise
}
