import type { PullResult } from '../src/api/node-schemas.ts'
import type { OrdersAnswer, OrdersBody } from '../src/api/placement-schemas.ts'
import type { CallOptions } from '../src/core/blockstore.ts'
import type { Clock } from '../src/core/clock.ts'
import { AbortedError, BootswarmError, BusyError, StateError } from '../src/core/errors.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import type { Log } from '../src/core/log.ts'
import { parseReference } from '../src/core/reference.ts'
import {
  ORDER_WAIT_S_MAX,
  PLACE_ERROR_CHARS_MAX,
  PLACES_AT_ONCE_MAX,
  PLACES_BUSY_MS,
  PLACES_IDLE_MS,
} from '../src/core/registry-limits.ts'
import type { PeerKey } from '../src/core/router.ts'
import type { Pull } from './pull.ts'
import type { Puller } from './puller.ts'
import type { TrackerLink } from './tracker-link.ts'

type Report = OrdersBody['reports'][number]

export interface PlacerComponents {
  orders: (body: OrdersBody, options: CallOptions) => Promise<OrdersAnswer>
  link: Pick<TrackerLink, 'watched'>
  /** Resolves when this node has enrolled, or the tracker does not answer. */
  enrolled(): Promise<void>
  puller: Pick<Puller, 'start'>
  clock: Clock
  log: Log
}

/** One image that the tracker wants to be here. */
interface Place {
  pull: Pull | undefined
  /** What became of it; undefined while it runs. */
  end: Report | undefined
}

/** Fetches what the tracker wants to be here before anybody boots it, and tells how far it is. */
export class Placer implements Lifecycle {
  readonly #components: PlacerComponents
  readonly #self: PeerKey
  readonly #places = new Map<number, Place>()
  readonly #stopping = new AbortController()
  #cancel = () => {}
  #asking = false
  /** Something has ended while it asked. */
  #again = false

  constructor(components: PlacerComponents, init: { self: PeerKey }) {
    this.#components = components
    this.#self = init.self
  }

  /** The first round waits for the pass, which nobody waits for here. */
  async start(): Promise<void> {
    void this.#components.enrolled().then(() => this.#next(0))
  }

  /** Pulls go on, and are taken up again with the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the node is stopping'))
    this.#cancel()
  }

  #next(ms: number): void {
    this.#cancel()
    if (!this.#stopping.signal.aborted)
      this.#cancel = this.#components.clock.after(ms, () => void this.#round())
  }

  /** Whatever happens in a round, there is a next one. */
  async #round(): Promise<void> {
    if (this.#asking) {
      this.#again = true
      return
    }
    this.#asking = true
    let nextMs = PLACES_IDLE_MS
    try {
      nextMs = await this.#ask()
    } catch (error) {
      // A node that may not take part, or whose tracker is away, says so elsewhere.
      if (!(error instanceof BootswarmError))
        this.#components.log.error({ err: error }, 'could not ask for placements')
    } finally {
      this.#asking = false
      this.#next(this.#again ? 0 : nextMs)
      this.#again = false
    }
  }

  async #ask(): Promise<number> {
    const { orders, link } = this.#components
    const reports = [...this.#places].map(([placement, place]) => place.end ?? progressOf(placement, place))
    // While it fetches it has progress to tell, and is not held.
    const waits = reports.every(({ state }) => state !== 'fetching')
    const body = { peer: this.#self, reports, ...(waits ? { waitSeconds: ORDER_WAIT_S_MAX } : {}) }
    const answer = await link.watched(orders(body, { signal: this.#stopping.signal }))
    // Told now, and not to be told again; what ended meanwhile is.
    for (const { placement, state } of reports) if (state !== 'fetching') this.#places.delete(placement)
    for (const order of answer.orders) {
      if (this.#places.size >= PLACES_AT_ONCE_MAX) break
      if (!this.#places.has(order.placement)) this.#begin(order)
    }
    return this.#places.size > 0 ? PLACES_BUSY_MS : answer.askAgainSeconds * 1000
  }

  #begin({ placement, reference }: OrdersAnswer['orders'][number]): void {
    const place: Place = { pull: undefined, end: undefined }
    this.#places.set(placement, place)
    this.#components.log.info({ placement, image: reference }, 'placing an image')
    void this.#fetch(place, reference).then(
      () => this.#ended(placement, place, { state: 'done' }),
      (error: unknown) => {
        // Not for good (stopping, garbage collection): the tracker says it again.
        if (isPassing(error)) this.#places.delete(placement)
        else this.#ended(placement, place, { state: 'failed', error })
      },
    )
  }

  async #fetch(place: Place, reference: string): Promise<PullResult> {
    const { pull, result } = await this.#components.puller.start(parseReference(reference), {
      background: true,
    })
    place.pull = pull
    return await result
  }

  #ended(placement: number, place: Place, outcome: { state: 'done' | 'failed'; error?: unknown }): void {
    const { log } = this.#components
    const { state, error } = outcome
    const why = error === undefined ? {} : { error: reasonOf(error) }
    if (error !== undefined) log.warn({ placement, ...why }, 'could not place an image')
    place.end = { ...progressOf(placement, place), state, ...why }
    this.#next(0)
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof AbortedError || error instanceof StateError || error instanceof BusyError
}

function progressOf(placement: number, { pull }: Place): Report {
  const { done, total } = pull?.progress().runs ?? { done: 0, total: 0 }
  return { placement, state: 'fetching', runs: done, runsTotal: total }
}

function reasonOf(error: unknown): string {
  const text =
    error instanceof BootswarmError
      ? `${error.code}: ${error.message}`
      : 'E_INTERNAL: see the log of the node'
  return text.slice(0, PLACE_ERROR_CHARS_MAX)
}
