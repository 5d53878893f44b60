import type { CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import { NotFoundError } from '../core/errors.ts'
import type { PeerAddress, PeerKey, Router } from '../core/router.ts'

/** What a peer tells the tracker about itself and one manifest. */
export interface TrackerAnnouncement {
  manifest: ManifestId
  peer: PeerKey
  addresses: string[]
  /** What a user has signed for this node. */
  delegation?: string
  /** Runs of the manifest that the peer holds, of `runsTotal`. */
  runs: number
  runsTotal: number
}

/** The part of the tracker's client that is needed here. */
export interface TrackerSwarms {
  announce(body: TrackerAnnouncement, options?: CallOptions): Promise<{ peers: readonly PeerAddress[] }>
  leave(body: { manifest: ManifestId; peer: PeerKey }, options?: CallOptions): Promise<void>
}

interface TrackerRouterInit {
  /** Asked for each announce, because addresses and runs change. */
  describe: (manifest: ManifestId) => TrackerAnnouncement
}

/**
 * Router over the tracker, for a peer that has joined. Each announce is answered with a handout; `find` announces and
 * returns that.
 */
export class TrackerRouter implements Router {
  readonly name = 'tracker'
  readonly #tracker: TrackerSwarms
  readonly #describe: (manifest: ManifestId) => TrackerAnnouncement

  constructor(components: { tracker: TrackerSwarms }, init: TrackerRouterInit) {
    this.#tracker = components.tracker
    this.#describe = init.describe
  }

  async announce(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    await this.#tracker.announce(this.#describe(manifest), options)
  }

  async withdraw(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    const { peer } = this.#describe(manifest)
    try {
      await this.#tracker.leave({ manifest, peer }, options)
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
    }
  }

  async *find(manifest: ManifestId, options: CallOptions = {}): AsyncGenerator<PeerAddress> {
    const announcement = this.#describe(manifest)
    const { peers } = await this.#tracker.announce(announcement, options)
    for (const peer of peers) if (peer.peer !== announcement.peer) yield peer
  }
}
