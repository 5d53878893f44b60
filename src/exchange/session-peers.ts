import { IntegrityError } from '../core/errors.ts'
import { RACK_NAMES_MAX } from '../core/limits.ts'
import { nearness } from '../core/nearness.ts'
import type { PeerAddress, PeerKey, RackPlace } from '../core/router.ts'
import { RecentSet } from '../util/recent-set.ts'
import type { Connection } from './connection.ts'
import type { Download } from './download.ts'
import { Neighbours } from './neighbours.ts'
import { RelatedNeighbours, type RelatedSwarm } from './related-neighbours.ts'
import type { SessionComponents, SessionInit } from './session-components.ts'
import type { SessionPeer } from './session-peer.ts'

export interface SessionPeersInit extends Pick<SessionInit, 'manifest'> {
  /** See NeighbourInit. */
  readonly isUrgent: boolean
  /** The grant that new connections show. */
  grant(): string
  /** A neighbour has come, and is told to the download already. */
  arrived(): void
}

/** Who gives a session what it lacks: neighbours in the swarm, peers of related images, and the rack that they are in. */
export class SessionPeers {
  readonly neighbours: Neighbours
  readonly #components: SessionComponents
  readonly #init: SessionPeersInit
  readonly #related: RelatedNeighbours
  /** Peers of the own rack that are in the swarm, those that were heard of last, until the download is told of them. */
  readonly #mates = new RecentSet<PeerKey>({ max: RACK_NAMES_MAX })
  #rackPlace: RackPlace | undefined
  #download: Download | undefined

  constructor(components: SessionComponents, init: SessionPeersInit) {
    this.#components = components
    this.#init = init
    const { clock, log, random, connect, labels, labelsOf } = components
    const events = {
      joined: (peer: SessionPeer) => this.#joined(peer),
      left: (peer: SessionPeer) => this.#download?.left(peer),
    }
    const { grant, manifest, isUrgent } = init
    this.neighbours = new Neighbours(
      { clock, log, random, connect, labelsOf, grant },
      { manifest, labels, isUrgent, events },
    )
    this.#related = new RelatedNeighbours(
      { clock, log, connect, isNeighbour: (peer) => this.neighbours.has(peer) },
      { joined: (peer) => this.#relatedJoined(peer), left: events.left },
    )
  }

  /** What is missing is known: it hears of all peers, those included that came before. */
  serve(download: Download): void {
    download.mates([...this.#mates])
    if (this.#rackPlace !== undefined) download.placed(this.#rackPlace)
    this.#download = download
    for (const peer of this.neighbours.all) this.#joined(peer)
    for (const peer of this.#related.all) this.#relatedJoined(peer)
  }

  /** See Session.learn. */
  learn(addresses: readonly PeerAddress[], rack?: RackPlace): void {
    this.neighbours.learn(addresses)
    const { labels } = this.#components
    const mates = addresses.filter(
      (address) => nearness(address.labels, labels) === 2 && address.origin !== true,
    )
    // Each time those alone that are there now: a mate that has left stays away until it is heard of again.
    if (this.#download === undefined) for (const { peer } of mates) this.#mates.add(peer)
    else if (mates.length > 0) this.#download.mates(mates.map(({ peer }) => peer))
    if (rack === undefined) return
    this.#rackPlace = rack
    this.#download?.placed(rack)
  }

  /** See Session.learnRelated. */
  learnRelated(swarm: RelatedSwarm): void {
    if (!this.#components.holds(swarm.manifest)) this.#related.learn(swarm)
  }

  uses(connection: Connection): boolean {
    return this.neighbours.of(connection) !== undefined || this.#related.uses(connection)
  }

  dismissed(connection: Connection, id: number): void {
    const peer = this.neighbours.of(connection)
    if (peer?.id === id) this.neighbours.dismissed(peer)
    else this.#related.dismissed(connection, id)
  }

  lost(connection: Connection): void {
    this.neighbours.lost(connection)
    this.#related.lost(connection)
  }

  drop(peer: SessionPeer, reason: Error, { forGood }: { forGood: boolean }): void {
    if (peer.related !== undefined) this.#related.drop(peer, reason, { forGood })
    else if (forGood) this.neighbours.ban(peer, reason)
    else this.neighbours.release(peer, reason)
  }

  close(): void {
    this.neighbours.close()
    this.#related.close()
  }

  #joined(peer: SessionPeer): void {
    const swarm = this.#download?.swarm
    if (swarm !== undefined && peer.runs !== swarm.map.runs) {
      this.neighbours.ban(peer, new IntegrityError('peer gives the manifest another number of runs'))
      return
    }
    this.#download?.joined(peer)
    this.#init.arrived()
  }

  #relatedJoined(peer: SessionPeer): void {
    this.#download?.joined(peer)
    this.#download?.pump()
  }
}
