import type { Clock } from '../../src/core/clock.ts'
import { AbortedError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import type { Collector } from './collector.ts'

export interface CollectionTimerComponents {
  readonly collector: Pick<Collector, 'collect'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Collects garbage `intervalSeconds` after the start and after the end of each collection, so that never two run at once;
 * 0 means never. A failure is logged and the next one comes in time.
 */
export class CollectionTimer {
  readonly #c: CollectionTimerComponents
  readonly #intervalMs: number
  readonly #stopping = new AbortController()
  #cancel = () => {}
  #running: Promise<void> = Promise.resolve()

  constructor(components: CollectionTimerComponents, init: { intervalSeconds: number }) {
    this.#c = components
    this.#intervalMs = init.intervalSeconds * 1000
    this.#wait()
  }

  /** Breaks off a collection that runs; what it has not freed is freed by the next. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the tracker is stopping'))
    this.#cancel()
    await this.#running
  }

  #wait(): void {
    if (this.#intervalMs === 0 || this.#stopping.signal.aborted) return
    this.#cancel = this.#c.clock.after(this.#intervalMs, () => {
      this.#running = this.#collect().finally(() => this.#wait())
    })
  }

  async #collect(): Promise<void> {
    const { collector, log } = this.#c
    const { signal } = this.#stopping
    try {
      const freed = await collector.collect({ signal })
      log.info({ ...freed }, 'garbage collected')
    } catch (err) {
      if (!signal.aborted) log.error({ err }, 'garbage collection failed')
    }
  }
}
