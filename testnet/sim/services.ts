import type { PeerKey } from '../../src/core/router.ts'
import type { FetchPeer } from '../../src/exchange/policy/fetch-peer.ts'
import type { Service } from './service.ts'

/** The services that one node has open at others, by whom they are at; a service has its `peer` as long as it is in here. */
export class Services implements Iterable<Service> {
  readonly #all = new Map<PeerKey, Service>()
  readonly #origins = new Set<Service>()
  /** Bytes that came in services that have ended. */
  readonly #takenBefore = new Map<PeerKey, number>()

  get size(): number {
    return this.#all.size
  }

  /** Those at origins. */
  get origins(): Iterable<Service> {
    return this.#origins
  }

  [Symbol.iterator](): IterableIterator<Service> {
    return this.#all.values()
  }

  get(peer: PeerKey): Service | undefined {
    return this.#all.get(peer)
  }

  /** It takes the place of an earlier one at the same server. */
  add(service: Service, peer: FetchPeer): void {
    const before = this.#all.get(service.server)
    if (before !== undefined) this.#drop(before)
    service.peer = peer
    this.#all.set(service.server, service)
    if (peer.origin) this.#origins.add(service)
  }

  /** Returns what it was known as; undefined when it is not in here. */
  delete(service: Service): FetchPeer | undefined {
    const { peer, server } = service
    if (peer === undefined) return undefined
    this.#takenBefore.set(server, this.takenFrom(server))
    this.#all.delete(server)
    this.#drop(service)
    return peer
  }

  clear(): void {
    for (const service of [...this.#all.values()]) this.#drop(service)
    this.#all.clear()
  }

  /** Bytes that came from a peer so far. */
  takenFrom(peer: PeerKey): number {
    const now = this.#all.get(peer)?.flow.arrivedBytes ?? 0
    return now + (this.#takenBefore.get(peer) ?? 0)
  }

  #drop(service: Service): void {
    service.peer = undefined
    this.#origins.delete(service)
  }
}
