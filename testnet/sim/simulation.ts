import type { ManifestId } from '../../src/core/cid.ts'
import {
  ANNOUNCE_EARLY_MS,
  ANNOUNCE_INTERVAL_MS,
  EXCHANGE_CHANNELS_MAX,
  RUN_BYTES_MAX,
  SESSION_TICK_MS,
} from '../../src/core/limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { partsFor } from '../../src/exchange/policy/units.ts'
import { seededRandom } from '../images/random.ts'
import type { Resident } from './directory.ts'
import { EventQueue } from './events.ts'
import { Host } from './host.ts'
import { Network } from './network.ts'
import { Rack } from './pipe.ts'
import { SimNode } from './sim-node.ts'
import { SimOrigin } from './sim-origin.ts'
import { SimTracker } from './sim-tracker.ts'

/** Bytes and milliseconds everywhere; rates in bytes per millisecond. */
export interface SimInit {
  readonly nodes: number
  readonly imageBytes: number
  /** Of each direction of a node's link. */
  readonly rate: number
  readonly originRate: number
  readonly racks: number
  /** Of each direction of a rack's uplink; undefined: as fast as all its hosts together. */
  readonly uplink: number | undefined
  readonly seed: number
  /**
   * How much larger a run is than a real one. The simulation divides image and rates by it, so every bound in bytes stands for so many more
   * and times stay what they are.
   */
  readonly scale: number
  readonly delayMs: number
  readonly crossDelayMs: number
  /** From the request for the image until the manifest and its segments are read. */
  readonly startupMs: number
  /** Requests of nodes that start together come within so long. */
  readonly startSpreadMs: number
  readonly handshakeMs: number
  readonly storeMs: number
}

const MANIFEST = 'simulated' as ManifestId
const ORIGIN = 'origin' as PeerKey

/** A tracker with its origin and so many nodes, on a simulated network with a clock of its own. */
export class Simulation {
  readonly init: SimInit
  readonly queue = new EventQueue()
  readonly network: Network
  readonly racks: readonly Rack[]
  readonly origin: SimOrigin
  readonly tracker: SimTracker
  readonly nodes: SimNode[] = []
  readonly runs: number
  readonly #residents = new Map<PeerKey, Resident>()
  readonly #random: () => number
  readonly #parts: number
  readonly #awaited = new Set<SimNode>()

  constructor(init: SimInit) {
    this.init = init
    const { imageBytes, scale, racks, uplink, seed } = init
    this.#random = seededRandom(seed)
    this.runs = Math.max(1, Math.round(imageBytes / scale / RUN_BYTES_MAX))
    this.#parts = partsFor(Math.ceil(imageBytes / RUN_BYTES_MAX))
    this.network = new Network(this.queue, { ...init, runBytes: RUN_BYTES_MAX })
    this.racks = Array.from({ length: racks }, (_, i) => {
      return new Rack({
        name: `rack-${i + 1}`,
        uplinkBytesPerMs: (uplink ?? Number.MAX_SAFE_INTEGER) / scale,
      })
    })
    const random = this.#random
    this.origin = new SimOrigin(
      { queue: this.queue, network: this.network, host: this.#host(init.originRate, 0), random },
      {
        key: ORIGIN,
        labels: labelsOf(0, racks),
        manifest: MANIFEST,
        runs: this.runs,
        allParts: 2 ** this.#parts - 1,
      },
    )
    this.#residents.set(ORIGIN, this.origin)
    this.tracker = new SimTracker(
      { queue: this.queue, random },
      {
        manifest: MANIFEST,
        origin: { peer: ORIGIN, addresses: [], origin: true, labels: labelsOf(0, racks) },
        roundTripMs: 2 * init.crossDelayMs,
      },
    )
  }

  /** Nodes that are asked for the image and neither complete nor gone. */
  get waitingFor(): number {
    return this.#awaited.size
  }

  /** A node that is not asked for anything yet. */
  addNode(rack: number, rate = this.init.rate): SimNode {
    const key = `node-${this.nodes.length + 1}` as PeerKey
    const node = new SimNode(
      {
        ...{ queue: this.queue, network: this.network, random: this.#random },
        ...{ host: this.#host(rate, rack), directory: { find: (peer) => this.find(peer) } },
        completed: (done) => this.#completed(done),
      },
      {
        ...{ key, labels: labelsOf(rack, this.init.racks), runs: this.runs, parts: this.#parts },
        ...{ storeMs: this.init.storeMs, handshakeMs: this.init.handshakeMs },
        channelsMax: EXCHANGE_CHANNELS_MAX,
      },
    )
    this.#residents.set(key, node)
    this.nodes.push(node)
    return node
  }

  /** Bytes of a want for one part of a run. */
  get wantBytes(): number {
    return RUN_BYTES_MAX / this.#parts
  }

  /** The node is asked for the image. `awaited`: the simulation is not over before it is complete. */
  begin(node: SimNode, { awaited }: { awaited: boolean }): void {
    node.appear()
    if (awaited) this.#awaited.add(node)
    this.queue.after(this.init.startupMs, () => {
      if (!node.alive) return
      node.downloads.start()
      this.tracker.announce(node)
      const roundMs = this.#random() * ANNOUNCE_INTERVAL_MS
      this.queue.after(Math.min(ANNOUNCE_EARLY_MS, roundMs), () => this.#announceAgain(node))
      this.queue.after(this.#random() * SESSION_TICK_MS, () => this.#tick(node))
    })
  }

  /** The node's process ends. */
  kill(node: SimNode): void {
    if (!node.alive) return
    this.#awaited.delete(node)
    node.die()
  }

  #completed(node: SimNode): void {
    this.#awaited.delete(node)
    this.tracker.announce(node)
  }

  #announceAgain(node: SimNode): void {
    if (!node.alive || node.isComplete) return
    this.tracker.announce(node)
    this.queue.after(ANNOUNCE_INTERVAL_MS, () => this.#announceAgain(node))
  }

  #tick(node: SimNode): void {
    if (!node.alive || node.isComplete) return
    node.downloads.tick()
    this.queue.after(SESSION_TICK_MS, () => this.#tick(node))
  }

  find(peer: PeerKey): Resident {
    return this.#residents.get(peer) as Resident
  }

  #host(rate: number, rack: number): Host {
    const { scale } = this.init
    return new Host(this.queue, {
      upBytesPerMs: rate / scale,
      downBytesPerMs: rate / scale,
      ...(this.racks.length > 1 ? { rack: this.racks[rack] as Rack } : {}),
    })
  }
}

/** Two racks to a zone, as in an arena; no labels where there are no racks. */
function labelsOf(rack: number, racks: number): Record<string, string> {
  if (racks === 1) return {}
  return { rack: `rack-${rack + 1}`, zone: `zone-${(rack >> 1) + 1}` }
}
