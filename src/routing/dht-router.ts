import type { CallOptions } from '../core/blockstore.ts'
import { type ManifestId, parseManifestId } from '../core/cid.ts'
import type { ContentRouting } from '../core/content-routing.ts'
import type { PeerAddress, Router } from '../core/router.ts'
import type { AnnounceBudget } from './announce-budget.ts'

/** Router over the provider records of the DHT: answers when the tracker is away. */
export class DhtRouter implements Router {
  readonly name = 'dht'
  readonly #content: ContentRouting
  readonly #budget: AnnounceBudget

  constructor(components: { content: ContentRouting; budget: AnnounceBudget }) {
    this.#content = components.content
    this.#budget = components.budget
  }

  /** Publishes the root at once and keeps it published until `withdraw`. Repeating it in time costs nothing. */
  async announce(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    await this.#budget.announceRoot(parseManifestId(manifest), options)
  }

  /** Copies of the record at other peers expire by themselves, within DHT_RECORD_VALIDITY_MS. */
  async withdraw(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    await this.#budget.withdraw([parseManifestId(manifest)], options)
  }

  find(manifest: ManifestId, options: CallOptions = {}): AsyncIterable<PeerAddress> {
    return this.#content.findProviders(parseManifestId(manifest), options)
  }
}
