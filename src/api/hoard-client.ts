import type { CallOptions } from '../core/blockstore.ts'
import { HoardView } from './hoard-schemas.ts'
import type { NodeCalls } from './node-calls.ts'
import { NODE_PATHS } from './node-paths.ts'

/** What the node on this machine keeps ready of boots. Errors: as NodeClient's. */
export class HoardClient {
  readonly #calls: NodeCalls

  constructor(components: { calls: NodeCalls }) {
    this.#calls = components.calls
  }

  get(options: CallOptions = {}): Promise<HoardView> {
    return this.#calls.json({ method: 'GET', path: NODE_PATHS.hoard, ...options }, HoardView)
  }

  /** Has the node look at all images now, and waits until it has fetched what is to be kept; it goes on in the node when `signal` ends this call. Errors: those of the tracker as well. */
  fill(options: CallOptions = {}): Promise<HoardView> {
    return this.#calls.json({ method: 'POST', path: NODE_PATHS.hoard, ...options }, HoardView)
  }
}
