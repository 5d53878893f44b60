import { readFile } from 'node:fs/promises'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { PeerAddressView } from '../src/api/swarm-schemas.ts'
import type { Clock } from '../src/core/clock.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import { KNOWN_PEERS_MAX, KNOWN_PEERS_SAVE_MS } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import type { PeerAddress } from '../src/core/router.ts'
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

/** Peers by which this node finds into the DHT when it starts again and the tracker is away: in a file. */
export class KnownPeers implements Lifecycle {
  readonly #c: KnownPeersComponents
  readonly #path: string
  #cancel = () => {}
  #saving: Promise<void> = Promise.resolve()
  #saved = ''

  constructor(components: KnownPeersComponents, init: { path: string }) {
    this.#c = components
    this.#path = init.path
  }

  /** A file that cannot be understood is as none. */
  async start(): Promise<void> {
    this.#saved = await readFile(this.#path, 'utf8').catch(() => '')
    const peers = parse(this.#saved)
    this.#c.host.introduce(peers)
    this.#next()
  }

  async stop(): Promise<void> {
    this.#cancel()
    await this.#saving
    await this.#save()
  }

  #next(): void {
    this.#cancel = this.#c.clock.after(KNOWN_PEERS_SAVE_MS, () => {
      this.#saving = this.#save().finally(() => this.#next())
    })
  }

  /** While nobody is known, those of before will do. */
  async #save(): Promise<void> {
    const { host, log } = this.#c
    try {
      const peers = (await host.dhtAddresses()).slice(0, KNOWN_PEERS_MAX)
      const text = JSON.stringify(peers, undefined, 2)
      if (peers.length === 0 || text === this.#saved) return
      await writeWhole(this.#path, text)
      this.#saved = text
    } catch (error) {
      log.error({ err: error }, 'could not keep the peers that are known')
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
