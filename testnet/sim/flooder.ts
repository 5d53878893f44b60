import type { Bitmap } from '../../src/core/bitmap.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { FetchPeer } from '../../src/exchange/policy/fetch-peer.ts'
import type { Want } from '../../src/exchange/policy/want.ts'
import type { Directory } from './directory.ts'
import type { EventQueue } from './events.ts'
import type { Host } from './host.ts'
import type { Network } from './network.ts'
import type { Client, Service } from './service.ts'

/** Wants that it keeps at every peer: as many as one may have outstanding. */
const WANTS_AT_ONCE = 256
/** Time between two attempts at a peer that has refused or dropped it. */
const AGAIN_MS = 1000

export interface FlooderComponents {
  readonly queue: EventQueue
  readonly network: Network
  readonly host: Host
  readonly directory: Directory
}

/** A peer with a valid grant that opens the swarm at everybody and wants the same runs again and again. */
export class Flooder implements Client {
  readonly key: PeerKey
  readonly host: Host
  readonly #components: FlooderComponents
  readonly #wantBytes: number

  constructor(components: FlooderComponents, init: { key: PeerKey; wantBytes: number }) {
    this.key = init.key
    this.host = components.host
    this.#components = components
    this.#wantBytes = init.wantBytes
  }

  flood(peer: PeerKey): void {
    const { network, directory } = this.#components
    const far = directory.find(peer)
    const open = () => (far.alive ? far.uploads.open(this) : this.#again(peer))
    network.message(this.host, far.host, { due: open })
  }

  opened(service: Service, have: Bitmap): void {
    const [run] = have
    for (let i = 0; i < WANTS_AT_ONCE; i++) this.#want(service, run ?? 0)
  }

  refused(server: PeerKey): void {
    this.#again(server)
  }

  answered(service: Service, want: Want): void {
    this.#want(service, want.run)
  }

  failed(service: Service, want: Want): void {
    this.#components.queue.after(AGAIN_MS, () => this.#want(service, want.run))
  }

  heard(): void {}

  assigned(): void {}

  ended(service: Service): void {
    this.#again(service.server)
  }

  #again(peer: PeerKey): void {
    this.#components.queue.after(AGAIN_MS, () => this.flood(peer))
  }

  #want(service: Service, run: number): void {
    if (!service.isOpen) return
    const { network, directory, queue } = this.#components
    const far = directory.find(service.server)
    const want: Want = {
      ...{ peer: NOBODY, run, parts: 1, copy: false, sentMs: queue.now(), dueMs: Number.POSITIVE_INFINITY },
      ...{ class: 'requested', bytes: this.#wantBytes, answered: false },
    }
    network.message(this.host, far.host, { due: () => far.uploads.want(service, want) })
  }
}

/** The flooder keeps no peers of its own: nothing reads this. */
const NOBODY = {} as FetchPeer
