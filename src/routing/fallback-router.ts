import type { CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import { AbortedError, NotAuthorisedError, TimeoutError, UnreachableError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { PeerAddress, PeerKey, Router } from '../core/router.ts'

/**
 * Asks several routers in order: the next when one cannot be reached or finds nobody. Announces to all of them in order and
 * fails when all have failed, with the error of the first; or at once when one refuses, so that nobody hears from the others
 * what this peer may not have.
 */
export class FallbackRouter implements Router {
  readonly name: string
  readonly #routers: readonly Router[]
  readonly #log: Log

  constructor(components: { routers: readonly Router[]; log: Log }) {
    this.#routers = components.routers
    this.#log = components.log
    this.name = components.routers.map((router) => router.name).join('+')
  }

  async announce(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    const failures: unknown[] = []
    for (const router of this.#routers) {
      try {
        await router.announce(manifest, options)
      } catch (error) {
        if (error instanceof NotAuthorisedError) throw error
        failures.push(error)
        this.#logFailure(router, 'announce', error)
      }
      if (options.signal?.aborted === true) throw new AbortedError('stopped on request')
    }
    if (failures.length > 0 && failures.length === this.#routers.length) throw failures[0]
  }

  async withdraw(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    await this.#all('withdraw', (router) => router.withdraw(manifest, options), options)
  }

  async *find(manifest: ManifestId, options: CallOptions = {}): AsyncGenerator<PeerAddress> {
    const found = new Set<PeerKey>()
    const failures: unknown[] = []
    for (const router of this.#routers) {
      try {
        for await (const peer of router.find(manifest, options)) {
          if (found.has(peer.peer)) continue
          found.add(peer.peer)
          yield peer
        }
      } catch (error) {
        if (!isAway(error)) throw error
        failures.push(error)
        this.#logFailure(router, 'find', error)
      }
      if (found.size > 0) return
    }
    if (failures.length > 0 && failures.length === this.#routers.length) throw failures[0]
  }

  async #all(action: string, call: (router: Router) => Promise<void>, options: CallOptions): Promise<void> {
    const results = await Promise.allSettled(this.#routers.map(call))
    const failures: unknown[] = []
    for (const [index, result] of results.entries()) {
      if (result.status === 'fulfilled') continue
      failures.push(result.reason)
      this.#logFailure(this.#routers[index], action, result.reason)
    }
    if (options.signal?.aborted === true) throw new AbortedError('stopped on request')
    if (failures.length > 0 && failures.length === this.#routers.length) throw failures[0]
  }

  #logFailure(router: Router | undefined, action: string, error: unknown): void {
    this.#log.warn({ router: router?.name, action, err: error }, 'a router did not answer')
  }
}

function isAway(error: unknown): boolean {
  return error instanceof UnreachableError || error instanceof TimeoutError
}
