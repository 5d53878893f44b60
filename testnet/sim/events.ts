import type { Clock } from '../../src/core/clock.ts'
import { type Moments, SlotHeap } from './slot-heap.ts'

/** Something that happens at a moment. An object may be due many times, at several moments at once. */
export interface Due {
  due(): void
}

/** Milliseconds of one bucket: 40 events in it when ten thousand nodes are busy. */
const BUCKET_MS = 1 / 16
/** Buckets of the wheel: a second ahead, which is nearly everything but timers. */
const BUCKETS = 1 << 14
/** Entries that there is room for at first. */
const SLOTS_FIRST = 1 << 12
const NONE = -1

/**
 * Virtual time and what is to happen in it, in order of time and then of creation, so that a run depends on nothing but what was put in:
 * a calendar queue (Brown, 1988). What is due in the current bucket lies in a small heap, what is due within a second in the list of its
 * bucket, the rest in a large heap. 0 ms is the start of the simulation.
 */
export class EventQueue implements Clock {
  readonly #moments: Moments = {
    times: new Float64Array(SLOTS_FIRST),
    orders: new Float64Array(SLOTS_FIRST),
  }
  #targets: (Due | undefined)[] = new Array(SLOTS_FIRST)
  #nextInList = new Int32Array(SLOTS_FIRST)
  #freeSlot = NONE
  #slots = 0
  readonly #near = new SlotHeap(this.#moments)
  readonly #far = new SlotHeap(this.#moments)
  readonly #wheel = new Int32Array(BUCKETS).fill(NONE)
  /** Entries in the lists of the wheel. */
  #wheeled = 0
  /** Number of the current bucket since the start. */
  #bucket = 0
  #created = 0
  #nowMs = 0
  #fired = 0

  /** Events that have happened. */
  get fired(): number {
    return this.#fired
  }

  now(): number {
    return this.#nowMs
  }

  monotonic(): number {
    return this.#nowMs
  }

  after(ms: number, fn: () => void): () => void {
    const timer = new Timer(fn)
    this.at(this.#nowMs + Math.max(0, ms), timer)
    return () => timer.cancel()
  }

  /** Makes the target due at a moment; one that is past is now. */
  at(timeMs: number, target: Due): void {
    const slot = this.#takeSlot()
    const atMs = Math.max(timeMs, this.#nowMs)
    this.#moments.times[slot] = atMs
    this.#moments.orders[slot] = this.#created++
    this.#targets[slot] = target
    const bucket = Math.floor(atMs / BUCKET_MS)
    if (bucket <= this.#bucket) this.#near.push(slot)
    else if (bucket - this.#bucket < BUCKETS) this.#link(slot, bucket)
    else this.#far.push(slot)
  }

  /** Lets everything happen until nothing is left, `endMs` has come or `stop` says so. */
  run(options: { endMs?: number; stop?: () => boolean } = {}): void {
    const { endMs = Number.POSITIVE_INFINITY, stop = () => false } = options
    while (!stop()) {
      const slot = this.#first()
      const timeMs = slot === undefined ? Number.POSITIVE_INFINITY : (this.#moments.times[slot] as number)
      if (slot === undefined || timeMs > endMs) {
        if (Number.isFinite(endMs)) this.#nowMs = Math.max(this.#nowMs, endMs)
        return
      }
      this.#near.shift()
      this.#nowMs = timeMs
      this.#fired++
      const target = this.#targets[slot] as Due
      this.#giveSlot(slot)
      target.due()
    }
  }

  /** The slot that is due first, in the small heap. */
  #first(): number | undefined {
    for (;;) {
      const { first } = this.#near
      if (first !== undefined) return first
      if (this.#wheeled === 0) {
        const far = this.#far.first
        if (far === undefined) return undefined
        this.#bucket = Math.floor((this.#moments.times[far] as number) / BUCKET_MS)
      } else this.#bucket++
      this.#openBucket()
    }
  }

  #openBucket(): void {
    const place = this.#bucket % BUCKETS
    let slot = this.#wheel[place] as number
    this.#wheel[place] = NONE
    while (slot !== NONE) {
      this.#near.push(slot)
      this.#wheeled--
      slot = this.#nextInList[slot] as number
    }
    const endMs = (this.#bucket + 1) * BUCKET_MS
    for (let far = this.#far.first; far !== undefined; far = this.#far.first) {
      if ((this.#moments.times[far] as number) >= endMs) return
      this.#far.shift()
      this.#near.push(far)
    }
  }

  #link(slot: number, bucket: number): void {
    const place = bucket % BUCKETS
    this.#nextInList[slot] = this.#wheel[place] as number
    this.#wheel[place] = slot
    this.#wheeled++
  }

  #takeSlot(): number {
    const slot = this.#freeSlot
    if (slot === NONE) {
      if (this.#slots === this.#nextInList.length) this.#grow()
      return this.#slots++
    }
    this.#freeSlot = this.#nextInList[slot] as number
    return slot
  }

  #giveSlot(slot: number): void {
    this.#targets[slot] = undefined
    this.#nextInList[slot] = this.#freeSlot
    this.#freeSlot = slot
  }

  #grow(): void {
    const room = this.#nextInList.length * 2
    const { times, orders } = this.#moments
    this.#moments.times = new Float64Array(room)
    this.#moments.times.set(times)
    this.#moments.orders = new Float64Array(room)
    this.#moments.orders.set(orders)
    const next = new Int32Array(room)
    next.set(this.#nextInList)
    this.#nextInList = next
    this.#targets = [...this.#targets, ...new Array<undefined>(room - this.#targets.length)]
  }
}

class Timer implements Due {
  #fn: (() => void) | undefined

  constructor(fn: () => void) {
    this.#fn = fn
  }

  cancel(): void {
    this.#fn = undefined
  }

  due(): void {
    this.#fn?.()
  }
}
