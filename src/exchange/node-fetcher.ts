import { type Digest, type DigestKey, digestKey, digestOf } from '../core/cid.ts'
import { AbortedError, BootswarmError, IntegrityError, TimeoutError } from '../core/errors.ts'
import { PEER_TIMEOUTS_MAX } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Neighbours } from './neighbours.ts'
import type { SessionPeer } from './session-peer.ts'

/** Fetches manifest and segment nodes for one session, from whichever neighbour has them. */
export class NodeFetcher {
  readonly #neighbours: Neighbours
  readonly #log: Log
  readonly #random: Random
  #wake = Promise.withResolvers<void>()
  readonly #underWay = new Map<DigestKey, Promise<Uint8Array>>()
  #stopped = false

  constructor(components: { neighbours: Neighbours; log: Log; random: Random }) {
    this.#neighbours = components.neighbours
    this.#log = components.log
    this.#random = components.random
  }

  /** Waits for neighbours when none has it; one fetch for all who ask. Errors: AbortedError after `stop`. */
  fetch(digest: Digest): Promise<Uint8Array> {
    const key = digestKey(digest)
    const known = this.#underWay.get(key)
    if (known !== undefined) return known
    const fetching = this.#fetch(digest).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, fetching)
    return fetching
  }

  async #fetch(digest: Digest): Promise<Uint8Array> {
    while (!this.#stopped) {
      const peers = this.#neighbours.all
      const start = Math.floor(this.#random() * peers.length)
      for (const peer of [...peers.slice(start), ...peers.slice(0, start)]) {
        const bytes = await this.#from(peer, digest)
        if (bytes !== undefined) return bytes
      }
      await this.#wake.promise
    }
    throw new AbortedError('session has ended')
  }

  /** There may be new neighbours, or old ones may have more. */
  awake(): void {
    const { resolve } = this.#wake
    this.#wake = Promise.withResolvers<void>()
    resolve()
  }

  stop(): void {
    this.#stopped = true
    this.awake()
  }

  async #from(peer: SessionPeer, digest: Digest): Promise<Uint8Array | undefined> {
    try {
      const bytes = await peer.connection.node(peer.id, digest)
      peer.timeouts = 0
      if (Buffer.compare(digestOf(bytes), digest) === 0) return bytes
      this.#neighbours.ban(peer, new IntegrityError('peer sent a wrong node'))
    } catch (error) {
      if (!(error instanceof BootswarmError)) throw error
      this.#log.debug({ peer: peer.key, err: error.message }, 'could not fetch a node')
      if (error instanceof TimeoutError && ++peer.timeouts >= PEER_TIMEOUTS_MAX) {
        this.#neighbours.release(peer, error)
      }
    }
    return undefined
  }
}
