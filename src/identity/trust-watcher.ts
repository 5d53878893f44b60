import type { Clock } from '../core/clock.ts'
import { CertificateError } from '../core/errors.ts'
import { TRUST_POLL_MS } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { Trust } from './trust.ts'

/** What can be read again: a LiveIdentity is one. */
export interface Refreshable {
  readonly trust: Trust
  /** Returns whether anything was read; throws and changes nothing when it cannot be. */
  refresh(options: { evenIfUnchanged?: boolean }): Promise<boolean>
}

export interface TrustWatcherComponents {
  readonly identity: Refreshable
  readonly clock: Clock
  readonly log: Log
}

export interface TrustWatcherInit {
  /** Called after the files have been read again. */
  readonly changed?: () => void
}

/**
 * Looks every TRUST_POLL_MS whether the files of an identity and its authorities have changed, and then reads them; by their times, since events of file systems
 * get lost on network mounts and where files are replaced. Says in the log what an operator should mend.
 */
export class TrustWatcher {
  readonly #c: TrustWatcherComponents
  readonly #changed: () => void
  #cancel: () => void
  #stopped = false
  #running: Promise<void> = Promise.resolve()
  #failure: string | undefined
  readonly #ended = new Set<string>()

  constructor(components: TrustWatcherComponents, init: TrustWatcherInit = {}) {
    this.#c = components
    this.#changed = init.changed ?? (() => {})
    this.#tell()
    this.#cancel = components.clock.after(TRUST_POLL_MS, () => this.#tick())
  }

  /** Why the files could not be read the last time; undefined when they could. What was read before goes on counting. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Reads the files now, changed or not. Never throws. */
  async reload(): Promise<void> {
    await this.#look(true)
  }

  /** Waits for what runs. */
  async settled(): Promise<void> {
    await this.#running
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    await this.settled()
  }

  #tick(): void {
    this.#look(false).finally(() => {
      if (!this.#stopped) this.#cancel = this.#c.clock.after(TRUST_POLL_MS, () => this.#tick())
    })
  }

  #look(evenIfUnchanged: boolean): Promise<void> {
    this.#running = this.#running.then(() => this.#refresh(evenIfUnchanged))
    return this.#running
  }

  async #refresh(evenIfUnchanged: boolean): Promise<void> {
    const { identity, log } = this.#c
    try {
      const isNew = await identity.refresh({ evenIfUnchanged })
      this.#failure = undefined
      if (isNew) {
        log.info(
          { generation: identity.trust.generation },
          'certificates and revocation lists were read again',
        )
        this.#changed()
      }
      this.#tell(isNew)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Once for each reason, not every minute. */
  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (message === this.#failure) return
    this.#failure = message
    const told = error instanceof CertificateError ? message : error
    this.#c.log.error(
      { err: told },
      'certificates and revocation lists cannot be read; what was read before goes on counting',
    )
  }

  #tell(isNew = true): void {
    const { identity, clock, log } = this.#c
    const { trust } = identity
    if (isNew)
      for (const problem of trust.problems) log.warn({ problem }, 'a file of the authorities needs mending')
    for (const { issuer, nextUpdateMs } of trust.lists) {
      const key = `${issuer} ${nextUpdateMs}`
      if (nextUpdateMs > clock.now() || this.#ended.has(key)) continue
      this.#ended.add(key)
      const nextUpdate = new Date(nextUpdateMs).toISOString()
      log.error(
        { issuer, nextUpdate },
        'a revocation list has ended: nothing of its authority counts until there is a newer one',
      )
    }
  }
}
