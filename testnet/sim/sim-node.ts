import type { Labels } from '../../src/core/nearness.ts'
import type { Random } from '../../src/core/random.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { ServingPlaces } from '../../src/exchange/policy/serving-places.ts'
import type { Directory, Resident } from './directory.ts'
import { Downloads } from './downloads.ts'
import type { EventQueue } from './events.ts'
import type { Host } from './host.ts'
import type { Network } from './network.ts'
import { Uploads } from './uploads.ts'

export interface SimNodeComponents {
  readonly queue: EventQueue
  readonly network: Network
  readonly host: Host
  readonly random: Random
  readonly directory: Directory
  completed(node: SimNode): void
}

export interface SimNodeInit {
  readonly key: PeerKey
  readonly labels: Labels
  readonly runs: number
  readonly parts: number
  readonly storeMs: number
  readonly handshakeMs: number
  readonly channelsMax: number
}

/** One node: what it fetches it serves, from the first part on. */
export class SimNode implements Resident {
  readonly key: PeerKey
  readonly labels: Labels
  readonly host: Host
  readonly uploads: Uploads
  readonly downloads: Downloads
  alive = false
  startedMs = Number.NaN
  completeMs = Number.NaN
  readonly #queue: EventQueue

  constructor(components: SimNodeComponents, init: SimNodeInit) {
    const { queue, network, host } = components
    this.key = init.key
    this.labels = init.labels
    this.host = host
    this.#queue = queue
    this.downloads = new Downloads(
      {
        ...components,
        holds: (held) => this.uploads.holds(held),
        givenTo: (peer) => this.uploads.givenTo(peer),
        completed: () => {
          this.#complete()
          components.completed(this)
        },
      },
      init,
    )
    const { fetch } = this.downloads
    this.uploads = new Uploads(
      {
        ...{ queue, network, host, places: new ServingPlaces() },
        heldParts: (run) => fetch.heldParts(run),
        takenFrom: (peer) => this.downloads.takenFrom(peer),
        joined: (client) => this.downloads.welcome(client.key, components.directory.find(client.key).labels),
      },
      { ...init, allParts: fetch.allParts },
    )
  }

  get isComplete(): boolean {
    return this.downloads.fetch.complete
  }

  /** Everything is here before the simulation begins. */
  fill(): void {
    this.downloads.fill()
    this.alive = true
    this.startedMs = 0
    this.completeMs = 0
  }

  /** Somebody asks the node for the image: it can be reached and counts its time from now on. */
  appear(): void {
    this.alive = true
    this.startedMs = this.#queue.monotonic()
  }

  /** The process ends at once; its kernel closes the connections. */
  die(): void {
    this.alive = false
    this.uploads.close()
    this.downloads.stop()
  }

  #complete(): void {
    this.completeMs = this.#queue.monotonic()
    this.downloads.stop()
  }
}
