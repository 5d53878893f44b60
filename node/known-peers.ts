import { readFile } from 'node:fs/promises'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { PeerAddressView } from '../src/api/swarm-schemas.ts'
import type { Clock } from '../src/core/clock.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import { KNOWN_PEERS_MAX, KNOWN_PEERS_SAVE_MS, KNOWN_PEERS_SOON_MS } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import type { PeerAddress, PeerKey } from '../src/core/router.ts'
import { writeWhole } from '../src/util/write-whole.ts'

export interface KnownPeersComponents {
  readonly host: {
    introduce(peers: readonly PeerAddress[]): void
    /** Peers of the DHT with their addresses: those that are connected, then others that were heard of. */
    dhtAddresses(): Promise<PeerAddress[]>
  }
  readonly clock: Clock
  readonly log: Log
}

const File = Type.Array(PeerAddressView, { maxItems: KNOWN_PEERS_MAX })

/** Peers that this node asks, and by which it finds into the DHT, when it starts again and the tracker is away: in a file. */
export class KnownPeers implements Lifecycle {
  readonly #c: KnownPeersComponents
  readonly #path: string
  #cancel = () => {}
  #running = false
  #dueMs = Number.POSITIVE_INFINITY
  #savedMs = Number.NEGATIVE_INFINITY
  #saving: Promise<void> = Promise.resolve()
  #saved = ''
  #kept: ReadonlySet<PeerKey> = new Set()

  constructor(components: KnownPeersComponents, init: { path: string }) {
    this.#c = components
    this.#path = init.path
  }

  /** A file that cannot be understood is as none. */
  async start(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    const peers = parse(text)
    this.#keep(text, peers)
    this.#c.host.introduce(peers)
    this.#running = true
    this.#next(KNOWN_PEERS_SAVE_MS)
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#cancel()
    await this.#saving
    await this.#save()
  }

  /** Peers that the tracker handed out. While few are kept, a new one is kept at once: the node may be killed at any time. */
  met(peers: readonly PeerAddress[]): void {
    this.#c.host.introduce(peers)
    const isNew = this.#kept.size < KNOWN_PEERS_MAX && peers.some(({ peer }) => !this.#kept.has(peer))
    const soonMs = Math.max(0, this.#savedMs + KNOWN_PEERS_SOON_MS - this.#c.clock.monotonic())
    if (isNew && this.#dueMs - this.#c.clock.monotonic() > soonMs) this.#next(soonMs)
  }

  async peers(): Promise<PeerAddress[]> {
    return (await this.#c.host.dhtAddresses()).slice(0, KNOWN_PEERS_MAX)
  }

  #next(ms: number): void {
    if (!this.#running) return
    const { clock } = this.#c
    this.#cancel()
    this.#dueMs = clock.monotonic() + ms
    this.#cancel = clock.after(ms, () => {
      this.#savedMs = clock.monotonic()
      this.#saving = this.#saving.then(() => this.#save()).finally(() => this.#next(KNOWN_PEERS_SAVE_MS))
    })
  }

  #keep(text: string, peers: readonly PeerAddress[]): void {
    this.#saved = text
    this.#kept = new Set(peers.map(({ peer }) => peer))
  }

  /** While nobody is known, those of before will do. */
  async #save(): Promise<void> {
    try {
      const peers = await this.peers()
      const text = JSON.stringify(peers, undefined, 2)
      if (peers.length === 0 || text === this.#saved) return
      await writeWhole(this.#path, text)
      this.#keep(text, peers)
    } catch (error) {
      this.#c.log.error({ err: error }, 'could not keep the peers that are known')
    }
  }
}

function parse(text: string): PeerAddress[] {
  try {
    const value: unknown = JSON.parse(text)
    return Value.Check(File, value) ? value : []
  } catch {
    return []
  }
}
