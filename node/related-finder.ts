import type { Clock } from '../src/core/clock.ts'
import { BootswarmError } from '../src/core/errors.ts'
import { FILL_PAUSE_MS, RELATED_RUNS_MIN } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import type { Pull } from './pull.ts'
import type { TrackerLink } from './tracker-link.ts'

export interface RelatedFinderComponents {
  readonly link: Pick<TrackerLink, 'related'>
  readonly clock: Clock
  readonly log: Log
}

/** Finds out for a pull which peers have other images with some of the same blocks, for as long as it runs. */
export class RelatedFinder {
  readonly #c: RelatedFinderComponents

  constructor(components: RelatedFinderComponents) {
    this.#c = components
  }

  /** Does not throw: a pull goes on without. */
  async follow(pull: Pull, options: { delegation?: string | undefined } = {}): Promise<void> {
    const swarm = await pull.session.prepared()
    if (swarm === undefined || swarm.map.runs < RELATED_RUNS_MIN) return
    // A machine that reads is not given what they have, and waits for what it reads first.
    if (pull.session.onDemand) this.#c.clock.after(FILL_PAUSE_MS, () => void this.#ask(pull, options))
    else await this.#ask(pull, options)
  }

  async #ask(pull: Pull, options: { delegation?: string | undefined }): Promise<void> {
    const { link, clock, log } = this.#c
    if (pull.ended) return
    try {
      const { related, askAgainSeconds } = await link.related(pull.manifest, {
        ...options,
        signal: pull.signal,
      })
      for (const swarm of related) pull.session.learnRelated(swarm)
      const found = related.map(({ manifest, share, peers }) => ({ manifest, share, peers: peers.length }))
      if (found.length > 0) log.info({ manifest: pull.manifest, related: found }, 'peers of related images')
      clock.after(askAgainSeconds * 1000, () => void this.#ask(pull, options))
    } catch (error) {
      const err = error instanceof BootswarmError ? `${error.code}: ${error.message}` : error
      log.info({ manifest: pull.manifest, err }, 'could not look for related images')
    }
  }
}
