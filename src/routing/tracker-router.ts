import { type Announces, announceOne, type OneAnnounce } from '../api/announce-one.ts'
import type { AnnouncedAnswer, LeaveBody } from '../api/swarm-schemas.ts'
import type { CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import { NotFoundError } from '../core/errors.ts'
import type { PeerAddress, Router } from '../core/router.ts'

/** The part of the tracker's client that is needed here. */
export interface TrackerSwarms extends Announces {
  leave(body: LeaveBody, options?: CallOptions): Promise<void>
}

interface TrackerRouterInit {
  /** Asked for each announce, because addresses and runs change. */
  describe: (manifest: ManifestId) => OneAnnounce
}

/**
 * Router over the tracker, for a peer that has joined: one swarm at a time, for who begins to look for peers. What is announced
 * again and again goes for all swarms together (`AnnouncePlan`).
 */
export class TrackerRouter implements Router {
  readonly name = 'tracker'
  readonly #tracker: TrackerSwarms
  readonly #describe: (manifest: ManifestId) => OneAnnounce

  constructor(components: { tracker: TrackerSwarms }, init: TrackerRouterInit) {
    this.#tracker = components.tracker
    this.#describe = init.describe
  }

  async announce(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    await this.#ask(manifest, { find: false }, options)
  }

  async withdraw(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    const { peer } = this.#describe(manifest)
    try {
      await this.#tracker.leave({ peer, manifests: [manifest] }, options)
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
    }
  }

  async *find(manifest: ManifestId, options: CallOptions = {}): AsyncGenerator<PeerAddress> {
    const { peer } = this.#describe(manifest)
    const { peers = [] } = await this.#ask(manifest, { find: true, grant: true }, options)
    for (const found of peers) if (found.peer !== peer) yield found
  }

  #ask(
    manifest: ManifestId,
    need: { find: boolean; grant?: boolean },
    options: CallOptions,
  ): Promise<AnnouncedAnswer> {
    const { swarm, ...self } = this.#describe(manifest)
    return announceOne(this.#tracker, { ...self, swarm: { ...swarm, ...need } }, options)
  }
}
