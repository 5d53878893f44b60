import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import type { Connection } from './connection.ts'
import type { ExchangeRates } from './exchange-config.ts'
import type { Links } from './links.ts'
import { OriginFallback } from './policy/origin-fallback.ts'
import { OriginTurns } from './policy/origin-turns.ts'
import { RateLimit } from './policy/rate-limit.ts'
import { ServingPlaces } from './policy/serving-places.ts'
import type { OriginSide, Places } from './server.ts'
import { type ServedBytes, ServingDesk } from './serving-desk.ts'
import type { Swarm } from './swarm.ts'

/** What serving has come to since the start. */
export interface ServingStats {
  /** Bytes sent by class of what they were wanted for. */
  readonly servedBytes: ServedBytes
  /** Requests that wait. */
  readonly waiting: number
  /** Requests refused because too many waited. */
  readonly refusedRequests: number
  /** Peers that were told that a swarm has no place for them. */
  readonly refusedPlaces: number
  /** Blocks of the store that were damaged when peers asked for them, and were taken out of it. */
  readonly damagedBlocks: number
  /** At an origin: runs given to starving peers although others had got them, what was sent of them, and asks that the limit of that held up. */
  readonly fallbackRuns: number
  readonly fallbackBytes: number
  readonly fallbackRefused: number
  /** At an origin: peers that wait for their turn. */
  readonly waitingForTurn: number
}

/** What all connections of an exchange share when they serve: the order, the limits, the places of each swarm, the turns at an origin. */
export class Serving {
  readonly desk: ServingDesk
  /** What sessions may receive. */
  readonly received: RateLimit
  readonly origin: OriginSide | undefined
  readonly places: Places
  readonly #byManifest = new Map<ManifestId, ServingPlaces>()
  #refusedPlaces = 0

  constructor(components: { clock: Clock; links: Links }, init: { origin: boolean; rates: ExchangeRates }) {
    const { clock, links } = components
    const { upload, download, fallbackBytesPerSecond } = init.rates
    const nowMs = clock.monotonic()
    this.desk = new ServingDesk({ clock, rates: new RateLimit(upload ?? {}, nowMs) })
    this.received = new RateLimit(download ?? {}, nowMs)
    const fallback = () => new OriginFallback({ bytesPerSecond: fallbackBytesPerSecond, nowMs })
    this.origin = init.origin
      ? { turns: new OriginTurns({ idleMs: () => this.desk.idleMs }), fallback: fallback() }
      : undefined
    this.places = {
      of: (swarm) => (init.origin ? undefined : this.#placesOf(swarm.id)),
      bytesOf: (peer) => links.of(peer).reduce((sum, { connection }) => sum + bytesOf(connection), 0),
      displace: (peer, swarm) => {
        for (const { server } of links.of(peer)) server.displace(swarm)
      },
      refused: () => this.#refusedPlaces++,
    }
  }

  get stats(): ServingStats {
    return {
      servedBytes: this.desk.servedBytes,
      waiting: this.desk.waiting,
      refusedRequests: this.desk.refused,
      refusedPlaces: this.#refusedPlaces,
      damagedBlocks: this.desk.damaged,
      fallbackRuns: this.origin?.fallback.runs ?? 0,
      fallbackBytes: this.origin?.fallback.sentBytes ?? 0,
      fallbackRefused: this.origin?.fallback.refused ?? 0,
      waitingForTurn: this.origin?.turns.waiting ?? 0,
    }
  }

  removed(swarm: Swarm['id']): void {
    this.#byManifest.delete(swarm)
  }

  #placesOf(manifest: ManifestId): ServingPlaces {
    const known = this.#byManifest.get(manifest)
    if (known !== undefined) return known
    const places = new ServingPlaces()
    this.#byManifest.set(manifest, places)
    return places
  }
}

const bytesOf = (connection: Connection) => connection.wireReceivedBytes + connection.wireSentBytes
