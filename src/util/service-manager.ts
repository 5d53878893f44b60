import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { runProgram } from './run-program.ts'

/** systemd-notify(1) waits up to 5 s for the answer of the service manager by itself. */
const TELL_TIMEOUT_MS = 6_000

/**
 * Tells systemd, or whoever set NOTIFY_SOCKET, how this program is doing: sd_notify(3), by running systemd-notify(1), because Node.js
 * has no datagram sockets of the unix kind. So the unit needs `NotifyAccess=all`. Says nothing where nobody listens.
 */
export class ServiceManager {
  readonly #log: Log
  readonly #clock: Clock
  readonly #env: Readonly<Record<string, string>> | undefined
  readonly #watchdogMs: number | undefined
  #last: Promise<void> = Promise.resolve()
  #cancel = () => {}
  #failed = false

  constructor(
    components: { log: Log; clock: Clock },
    { env, pid = process.pid }: { env: Readonly<Record<string, string | undefined>>; pid?: number },
  ) {
    this.#log = components.log
    this.#clock = components.clock
    const { NOTIFY_SOCKET: socket } = env
    this.#env = socket ? { NOTIFY_SOCKET: socket } : undefined
    this.#watchdogMs = watchdogMs(env, pid)
  }

  /** From now on it serves, and shows twice in the time of the watchdog that its event loop turns. `status`: one line. */
  ready(status: string): void {
    this.#tell('READY=1', `STATUS=${status}`)
    this.#watch()
  }

  stopping(): void {
    this.#cancel()
    this.#tell('STOPPING=1')
  }

  /** Resolves when everything that was to be told has been told, or could not be. */
  async told(): Promise<void> {
    await this.#last
  }

  #watch(): void {
    if (this.#watchdogMs === undefined) return
    this.#cancel = this.#clock.after(this.#watchdogMs / 2, () => {
      this.#tell('WATCHDOG=1')
      this.#watch()
    })
  }

  /** One after the other, so that what is told last is the last that arrives. */
  #tell(...state: string[]): void {
    const env = this.#env
    if (env !== undefined) this.#last = this.#last.then(() => this.#run(env, state))
  }

  async #run(env: Readonly<Record<string, string>>, state: readonly string[]): Promise<void> {
    try {
      const signal = AbortSignal.timeout(TELL_TIMEOUT_MS)
      const end = await runProgram(['systemd-notify', ...state], { env, signal })
      if (end?.code === 0) this.#failed = false
      else this.#complain(end === undefined ? 'systemd-notify is not installed' : end.stderr.trim())
    } catch (error) {
      this.#complain((error as Error).message)
    }
  }

  /** Once for a row of failures: the watchdog would repeat it for ever. */
  #complain(reason: string): void {
    if (!this.#failed)
      this.#log.warn({ reason }, 'the service manager could not be told how this program is doing')
    this.#failed = true
  }
}

/** WATCHDOG_USEC, where it is meant for this process: sd_watchdog_enabled(3). */
function watchdogMs(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: owner } = env
  if (owner !== undefined && Number(owner) !== pid) return undefined
  const ms = Number(microseconds) / 1000
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}
