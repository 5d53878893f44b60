import type { CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { AbortedError } from '../core/errors.ts'
import { ANNOUNCE_EXPIRY_MS } from '../core/limits.ts'
import type { PeerAddress, PeerKey, Router } from '../core/router.ts'

interface Entry {
  readonly address: PeerAddress
  readonly expiresMs: number
}

/** What the memory routers of one process (tests, simulator) know together. */
export class RoutingTable {
  readonly #clock: Clock
  readonly #expiryMs: number
  readonly #entries = new Map<ManifestId, Map<PeerKey, Entry>>()

  constructor(components: { clock: Clock }, init: { expiryMs?: number } = {}) {
    this.#clock = components.clock
    this.#expiryMs = init.expiryMs ?? ANNOUNCE_EXPIRY_MS
  }

  add(manifest: ManifestId, address: PeerAddress): void {
    const entries = this.#entries.get(manifest) ?? new Map<PeerKey, Entry>()
    this.#entries.set(manifest, entries)
    entries.set(address.peer, { address, expiresMs: this.#clock.monotonic() + this.#expiryMs })
  }

  remove(manifest: ManifestId, peer: PeerKey): void {
    const entries = this.#entries.get(manifest)
    entries?.delete(peer)
    if (entries?.size === 0) this.#entries.delete(manifest)
  }

  /** Those that have not expired, in order of their first announce. */
  peers(manifest: ManifestId): PeerAddress[] {
    const now = this.#clock.monotonic()
    const peers: PeerAddress[] = []
    for (const [peer, entry] of this.#entries.get(manifest) ?? []) {
      if (entry.expiresMs > now) peers.push(entry.address)
      else this.remove(manifest, peer)
    }
    return peers
  }
}

/** Router of one peer over a shared table. */
export class MemoryRouter implements Router {
  readonly name = 'memory'
  readonly #table: RoutingTable
  readonly #self: PeerAddress

  constructor(components: { table: RoutingTable }, init: { self: PeerAddress }) {
    this.#table = components.table
    this.#self = init.self
  }

  async announce(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    throwIfAborted(options)
    this.#table.add(manifest, this.#self)
  }

  async withdraw(manifest: ManifestId, options: CallOptions = {}): Promise<void> {
    throwIfAborted(options)
    this.#table.remove(manifest, this.#self.peer)
  }

  async *find(manifest: ManifestId, options: CallOptions = {}): AsyncGenerator<PeerAddress> {
    for (const address of this.#table.peers(manifest)) {
      throwIfAborted(options)
      if (address.peer !== this.#self.peer) yield address
    }
    throwIfAborted(options)
  }
}

function throwIfAborted(options: CallOptions): void {
  if (options.signal?.aborted === true) throw new AbortedError('stopped on request')
}
