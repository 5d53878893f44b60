import type { CallOptions } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import { AbortedError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { CHAIN_SCRUB_INTERVAL_MS } from '../../src/core/registry-limits.ts'
import type { ScrubReport } from './scrub.ts'

export interface ScrubTimerComponents {
  readonly scrub: (options: CallOptions) => Promise<ScrubReport>
  readonly clock: Clock
  readonly log: Log
}

/** Reads all chains soon after the start, and again CHAIN_SCRUB_INTERVAL_MS after the end of each reading. */
export class ScrubTimer {
  readonly #c: ScrubTimerComponents
  readonly #stopping = new AbortController()
  #cancel: () => void
  #running: Promise<void> = Promise.resolve()

  constructor(components: ScrubTimerComponents) {
    this.#c = components
    this.#cancel = components.clock.after(0, () => this.#start())
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the tracker is stopping'))
    this.#cancel()
    await this.#running
  }

  #start(): void {
    this.#running = this.#scrub().finally(() => {
      if (this.#stopping.signal.aborted) return
      this.#cancel = this.#c.clock.after(CHAIN_SCRUB_INTERVAL_MS, () => this.#start())
    })
  }

  async #scrub(): Promise<void> {
    const { scrub, log } = this.#c
    const { signal } = this.#stopping
    try {
      const { problems, ...counts } = await scrub({ signal })
      if (problems.length > 0)
        log.error({ ...counts, problems: problems.slice(0, 20) }, 'signed chains have problems')
      else log.debug(counts, 'signed chains are right')
    } catch (err) {
      if (!signal.aborted) log.error({ err }, 'the reading of signed chains failed')
    }
  }
}
