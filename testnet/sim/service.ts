import type { Bitmap } from '../../src/core/bitmap.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Asker } from '../../src/exchange/asker.ts'
import type { FetchPeer } from '../../src/exchange/policy/fetch-peer.ts'
import { Repeats } from '../../src/exchange/policy/repeats.ts'
import type { ServeJob } from '../../src/exchange/policy/serve-client.ts'
import type { Want, WantFailure } from '../../src/exchange/policy/want.ts'
import type { Flow, Host, Transfer } from './host.ts'

/** Runs, and parts of runs, that have become complete: `parts` as the fetch policy counts them. */
export interface Held {
  readonly run: number
  readonly parts: number
}

/** A want that waits to be served or is being sent. */
export interface Job extends ServeJob, Transfer {
  readonly service: Service
  readonly run: number
  /** What a want of the same run is told from another by. */
  readonly parts: number
}

/** The fetching side of a peer, as the serving side of another sees it. What arrives has taken its time on the way. */
export interface Client {
  readonly key: PeerKey
  readonly host: Host
  opened(service: Service, have: Bitmap): void
  refused(server: PeerKey, retryMs: number): void
  /** The bytes of a want; `wrong`: not what was wanted. */
  answered(service: Service, want: Want, wrong: boolean): void
  failed(service: Service, want: Want, reason: WantFailure): void
  heard(service: Service, held: readonly Held[]): void
  assigned(service: Service, runs: readonly number[], retryMs: number): void
  /** The server has ended it, or is gone. */
  ended(service: Service): void
}

/** A swarm that one peer has opened at another: what the one wants and the other sends. */
export class Service {
  readonly client: Client
  readonly server: PeerKey
  readonly flow: Flow
  /** What the client was given. */
  readonly repeats = new Repeats()
  /** The client as one that asks for runs; only at an origin. */
  readonly asker: Asker | undefined
  /** What is being sent, or waits for its turn. */
  readonly jobs = new Map<Want, Job>()
  /** Wants that were sent and not answered, as the client sees it. */
  readonly pending = new Set<Want>()
  /** When the client last got an answer. */
  progressMs: number
  isOpen = true
  /** The client's own note of who serves it here, while it counts it among its peers. */
  peer: FetchPeer | undefined

  constructor(init: {
    client: Client
    server: PeerKey
    flow: Flow
    asker: Asker | undefined
    nowMs: number
  }) {
    this.client = init.client
    this.server = init.server
    this.flow = init.flow
    this.asker = init.asker
    this.progressMs = init.nowMs
  }

  /** Takes away the wants that are older, unless something else has come since then. */
  takeSilent(oldestMs: number): Want[] {
    if (this.pending.size === 0 || this.progressMs > oldestMs) return []
    const silent = [...this.pending].filter(({ sentMs }) => sentMs <= oldestMs)
    for (const want of silent) this.pending.delete(want)
    return silent
  }

  close(): void {
    this.isOpen = false
    this.jobs.clear()
    this.pending.clear()
    this.flow.close()
    this.asker?.leave()
  }
}
