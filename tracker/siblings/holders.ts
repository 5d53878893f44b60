import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { UnreachableError } from '../../src/core/errors.ts'
import { TRACKER_EXPIRY_MS } from '../../src/core/registry-limits.ts'
import type { PeerAddress, PeerKey } from '../../src/core/router.ts'
import type { StoredTracker, TrackerCatalog } from '../catalog/tracker-catalog.ts'

export interface HoldersComponents {
  readonly trackers: Pick<TrackerCatalog, 'holders'>
  readonly clock: Clock
  readonly origin: {
    readonly self: PeerKey
    address(): PeerAddress
    serve(manifest: ManifestId): Promise<void>
  }
}

/** Which trackers have the blocks of an image: this one, others, or several. */
export class Holders {
  readonly #c: HoldersComponents

  constructor(components: HoldersComponents) {
    this.#c = components
  }

  /**
   * Those who have it, this one first and then by their last sign of life. Silent ones are left out while somebody else
   * has it: they may only be cut off from the database.
   */
  async of(manifest: ManifestId): Promise<{ here: boolean; others: StoredTracker[] }> {
    const { trackers, clock, origin } = this.#c
    const holders = await trackers.holders(manifest)
    const here = holders.peers.includes(origin.self)
    const others = holders.known.filter(({ peer }) => peer !== origin.self)
    const alive = others.filter(({ seenAtMs }) => clock.now() - seenAtMs < TRACKER_EXPIRY_MS)
    return { here, others: here || alive.length > 0 ? alive : others }
  }

  /** The origins that serve a manifest; this one is made to, when it has it. Errors: UnreachableError when nobody has it. */
  async origins(manifest: ManifestId): Promise<PeerAddress[]> {
    const { origin } = this.#c
    const { here, others } = await this.of(manifest)
    if (here) await origin.serve(manifest)
    const origins = others.map(({ peer, addresses }) => ({ peer, addresses, origin: true }))
    if (here) origins.unshift({ ...origin.address(), origin: true })
    if (origins.length === 0) throw nobody()
    return origins
  }
}

/** No tracker has the blocks of a version. */
export function nobody(): UnreachableError {
  return new UnreachableError('no tracker is known that has the blocks of this image: was one taken away?')
}
