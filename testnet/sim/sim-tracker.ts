import type { ManifestId } from '../../src/core/cid.ts'
import type { Random } from '../../src/core/random.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import { Swarms } from '../../tracker/swarm/swarms.ts'
import type { EventQueue } from './events.ts'
import type { SimNode } from './sim-node.ts'

/** The tracker's swarm book behind requests that take a round trip, and are counted. */
export class SimTracker {
  readonly #queue: EventQueue
  readonly #swarms: Swarms
  readonly #manifest: ManifestId
  readonly #origin: PeerAddress
  readonly #roundTripMs: number
  #requests = 0
  #alive = true

  constructor(
    components: { queue: EventQueue; random: Random },
    init: { manifest: ManifestId; origin: PeerAddress; roundTripMs: number },
  ) {
    const { queue, random } = components
    this.#queue = queue
    this.#swarms = new Swarms({ clock: queue, random })
    this.#manifest = init.manifest
    this.#origin = init.origin
    this.#roundTripMs = init.roundTripMs
  }

  /** Requests answered so far. */
  get requests(): number {
    return this.#requests
  }

  die(): void {
    this.#alive = false
  }

  /** Announces the node and gives it its handout, as one request. */
  announce(node: SimNode): void {
    if (!this.#alive) return
    this.#requests++
    this.#queue.after(this.#roundTripMs / 2, () => this.#answer(node))
  }

  #answer(node: SimNode): void {
    if (!this.#alive || !node.alive) return
    const self = { name: node.key, peer: node.key, labels: node.labels }
    const { heldRuns, fetch } = node.downloads
    this.#swarms.announce({
      ...{ manifest: this.#manifest, node: self, addresses: [] },
      ...{ runs: heldRuns, runsTotal: fetch.runs },
    })
    const peers = this.#swarms.handout(this.#manifest, self, [this.#origin])
    const rack = this.#swarms.rackPlace(this.#manifest, self.peer)
    this.#queue.after(this.#roundTripMs / 2, () => node.downloads.learn(peers, rack))
  }
}
