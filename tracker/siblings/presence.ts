import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import { TRACKER_HEARTBEAT_MS } from '../../src/core/registry-limits.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import type { TrackerCatalog } from '../catalog/tracker-catalog.ts'

export interface PresenceComponents {
  readonly trackers: Pick<TrackerCatalog, 'put' | 'list'>
  readonly clock: Clock
  readonly log: Log
  /** This tracker's origin. */
  readonly address: () => PeerAddress
  /** Told of the origins of the others, so that their DHT is one. */
  readonly introduce: (peers: readonly PeerAddress[]) => void
}

export interface PresenceInit {
  /** Where others reach this tracker. */
  readonly url: string
  /** Whether others may use the catalog; without them one entry is enough. */
  readonly shared: boolean
}

/** Enters this tracker into the catalog, and says every TRACKER_HEARTBEAT_MS that it is there. */
export class Presence {
  readonly #c: PresenceComponents
  readonly #init: PresenceInit
  #cancel = () => {}
  #running: Promise<void> = Promise.resolve()
  #stopping = false
  #lost = false

  constructor(components: PresenceComponents, init: PresenceInit) {
    this.#c = components
    this.#init = init
  }

  /** Errors: those of the catalog. */
  async start(): Promise<void> {
    await this.#beat()
    this.#wait()
  }

  /** Says to the others that nobody is here any more. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#cancel()
    await this.#running
    if (!this.#init.shared) return
    await this.#put(0).catch((error: unknown) => {
      this.#c.log.warn({ err: error }, 'could not say goodbye to the other trackers')
    })
  }

  #wait(): void {
    if (!this.#init.shared || this.#stopping) return
    this.#cancel = this.#c.clock.after(TRACKER_HEARTBEAT_MS, () => {
      this.#running = this.#try().finally(() => this.#wait())
    })
  }

  async #try(): Promise<void> {
    try {
      await this.#beat()
      if (this.#lost) this.#c.log.info({}, 'the database answers again')
      this.#lost = false
    } catch (error) {
      // Said once: an outage of an hour would be hundreds of lines.
      if (!this.#lost) this.#c.log.warn({ err: error }, 'the database does not answer')
      this.#lost = true
    }
  }

  async #beat(): Promise<void> {
    await this.#put(this.#c.clock.now())
    if (!this.#init.shared) return
    const { peer } = this.#c.address()
    const others = (await this.#c.trackers.list()).filter((tracker) => tracker.peer !== peer)
    this.#c.introduce(others.map(({ peer: other, addresses }) => ({ peer: other, addresses })))
  }

  async #put(seenAtMs: number): Promise<void> {
    const { peer, addresses } = this.#c.address()
    await this.#c.trackers.put({ peer, url: this.#init.url, addresses, seenAtMs })
  }
}
