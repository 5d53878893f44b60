import { EXCHANGE_REQUESTS_MAX, SERVE_REQUESTS_MAX, SERVE_SLOTS, SERVE_SLOW_MS } from '../../core/limits.ts'
import { TRAFFIC_CLASSES } from '../../core/traffic-class.ts'
import { NeedlessJobs } from './needless-jobs.ts'
import type { RateLimit } from './rate-limit.ts'
import {
  type Choice,
  type Client,
  holdsSlot,
  isBefore,
  isLeisure,
  newClient,
  type ServeJob,
  shareOf,
  slotMs,
  type Turn,
} from './serve-client.ts'

/**
 * Who is served next, over all peers of a process: start-time fair queuing (Goyal, Vin, Cheng 1996) by bytes, one job of a peer at a
 * time, a few peers at once. A peer's share is that of the class it asks for, but only so many bytes a second count as urgent: who claims urgency for
 * everything is served like the others. A peer that does not read keeps its own turn alone. State only.
 */
export class ServeOrder<J extends ServeJob> {
  readonly #rates: RateLimit
  readonly #clients = new Map<string, Client<J>>()
  /** Those for whom something waits and who are given nothing now: an origin has thousands that are neither. */
  readonly #ready = new Set<Client<J>>()
  readonly #needless = new NeedlessJobs<J>()
  /** Those that wait and are for some day: they are not what an uplink is busy with. */
  readonly #ahead = new Set<J>()
  /** When the first of them may be served that were too early for `next`. */
  #aheadMs = Number.POSITIVE_INFINITY
  /** Those with a current job, the longest first. */
  readonly #serving = new Set<Client<J>>()
  #now = 0
  #waiting = 0
  /** Of the ready and of those being served, those that were slow. */
  #slowReady = 0
  #slowServing = 0
  /** Guest reads that wait. */
  #guests = 0
  /** When the last job was done. */
  #doneMs = Number.NEGATIVE_INFINITY

  constructor(components: { rates: RateLimit }) {
    this.#rates = components.rates
  }

  /** Jobs that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** For how long nothing that is needed has waited or been given to a channel that takes it; 0 while something does. */
  idleMs(nowMs: number): number {
    for (const client of this.#serving) if (!isLeisure(client.current) && holdsSlot(client, nowMs)) return 0
    return this.#waiting > this.#needless.size + this.#ahead.size ? 0 : nowMs - this.#doneMs
  }

  /** Queues a job. False: the peer, or all together, have too many. */
  add(job: J, nowMs: number): boolean {
    const client = this.#clientOf(job.peer, nowMs)
    if (client.waiting >= EXCHANGE_REQUESTS_MAX) return false
    if (this.#waiting >= SERVE_REQUESTS_MAX && client.waiting > 0) return false
    if (client.waiting === 0 && client.current === undefined)
      client.served = Math.max(client.served, this.#now)
    this.#queue(client, job)
    client.waiting++
    this.#waiting++
    if (client.current === undefined) this.#enterReady(client)
    return true
  }

  /** What the peer is told to fetch has changed: what it did not need it may need now. */
  judge(peer: string): void {
    const client = this.#clients.get(peer)
    if (client === undefined) return
    for (const job of this.#needless.of(peer))
      if (job.needless?.() !== true && this.#needless.remove(job)) this.#queue(client, job)
    for (const job of client.queues.background) if (job.ahead?.() !== true) this.#ahead.delete(job)
  }

  /** Takes a job back that waits; false when it does not any more. */
  remove(job: J): boolean {
    const client = this.#clients.get(job.peer)
    if (client === undefined) return false
    if (!this.#unqueue(client, job) && !this.#needless.remove(job)) return false
    client.waiting--
    this.#waiting--
    if (client.waiting === 0) this.#leaveReady(client)
    return true
  }

  /** The peer has no channel any more: its jobs have been removed. */
  forget(peer: string): void {
    const client = this.#clients.get(peer)
    if (client === undefined || client.waiting > 0) return
    this.#clients.delete(peer)
    this.#leaveServing(client)
    this.#leaveReady(client)
  }

  /** The job to serve now; undefined when none may be. `sent` and `done` have to follow. */
  next(nowMs: number): J | undefined {
    this.#aheadMs = Number.POSITIVE_INFINITY
    if (this.#ready.size === 0) return undefined
    const full = this.#isFull(nowMs)
    if (full && !this.#someNeedNoSlot()) return undefined
    let best: Choice<J> | undefined
    for (const client of this.#ready) {
      if (best !== undefined && client.served >= best.client.served && client.queues.guest.size === 0)
        continue
      const choice = this.#choice(client, nowMs, full)
      if (choice !== undefined && (best === undefined || isBefore(choice, best))) best = choice
    }
    return best === undefined ? this.#beginNeedless(nowMs) : this.#begin(best, nowMs)
  }

  /** Bytes of the peer's current job were given to its channel. */
  sent(job: J, bytes: number, nowMs: number): void {
    const client = this.#clients.get(job.peer)
    if (client?.current?.job !== job) return
    const { as, limit, needless, ahead } = client.current
    client.served += bytes / shareOf(as)
    if (needless) this.#needless.sent(bytes, nowMs)
    if (ahead) client.ahead.take(bytes, nowMs)
    if (as === 'guest' || as === 'boot') client.urgent.take(bytes, nowMs)
    this.#rates.take(limit, bytes, nowMs)
  }

  /** The peer's channel takes more: it may have its next turn. */
  done(job: J, nowMs: number): void {
    const client = this.#clients.get(job.peer)
    if (client?.current?.job !== job) return
    if (!isLeisure(client.current)) this.#doneMs = nowMs
    this.#leaveServing(client)
    client.slow = nowMs - client.current.sinceMs >= SERVE_SLOW_MS
    client.current = undefined
    if (client.waiting > 0) this.#enterReady(client)
  }

  /** Milliseconds until `next`, which was asked last, may have another answer without anything happening; undefined: never. */
  waitMs(nowMs: number): number | undefined {
    if (this.#waiting === 0) return undefined
    let firstMs = this.#isFull(nowMs) ? this.#slotFreeMs(nowMs) : Number.POSITIVE_INFINITY
    if (!this.#rates.isOff) {
      for (const each of TRAFFIC_CLASSES) {
        const waitMs = this.#rates.waitMs(each, nowMs)
        if (waitMs > 0) firstMs = Math.min(firstMs, waitMs)
      }
    }
    // At once, but for those who are given something now: then again when they are done, or have lost their slots.
    const needlessMs = this.#needless.waitMs(nowMs) || this.#slotsFreeMs(nowMs)
    for (const ms of [needlessMs, this.#aheadMs - nowMs]) if (ms > 0) firstMs = Math.min(firstMs, ms)
    return firstMs === Number.POSITIVE_INFINITY ? undefined : firstMs
  }

  /** Guest reads, and peers that were slow, do not wait for a slot. */
  #someNeedNoSlot(): boolean {
    return this.#guests > 0 || this.#slowReady > 0
  }

  #enterReady(client: Client<J>): void {
    if (this.#ready.has(client)) return
    this.#ready.add(client)
    if (client.slow) this.#slowReady++
  }

  #leaveReady(client: Client<J>): void {
    if (this.#ready.delete(client) && client.slow) this.#slowReady--
  }

  #enterServing(client: Client<J>): void {
    this.#serving.add(client)
    if (client.slow) this.#slowServing++
  }

  #leaveServing(client: Client<J>): void {
    if (this.#serving.delete(client) && client.slow) this.#slowServing--
  }

  /** Those who have had their slot for longest come first, so nearly always a look at one of them is enough. */
  #isFull(nowMs: number): boolean {
    let most = this.#serving.size - this.#slowServing
    for (const client of this.#serving) {
      if (most < SERVE_SLOTS) return false
      if (client.slow) continue
      if (holdsSlot(client, nowMs)) return true
      most--
    }
    return false
  }

  #slotFreeMs(nowMs: number): number {
    for (const client of this.#serving) if (holdsSlot(client, nowMs)) return slotMs(client, nowMs)
    return Number.POSITIVE_INFINITY
  }

  /** Until nobody holds a slot, if nobody who does reads; 0 when nobody does. */
  #slotsFreeMs(nowMs: number): number {
    let lastMs = 0
    for (const client of this.#serving)
      if (holdsSlot(client, nowMs)) lastMs = Math.max(lastMs, slotMs(client, nowMs))
    return lastMs
  }

  #queue(client: Client<J>, job: J): void {
    client.queues[job.class].add(job)
    if (job.class === 'guest') this.#guests++
    if (job.class === 'background' && job.ahead?.() === true) this.#ahead.add(job)
  }

  /** Returns whether it was in a queue. */
  #unqueue(client: Client<J>, job: J): boolean {
    if (!client.queues[job.class].delete(job)) return false
    if (job.class === 'guest') this.#guests--
    this.#ahead.delete(job)
    return true
  }

  /** Whether the first of its background jobs is for some day, and too early. */
  #isTooEarly(client: Client<J>, nowMs: number): boolean {
    const waitMs = client.ahead.waitMs(nowMs)
    if (waitMs === 0) return false
    const first = client.queues.background.values().next().value
    if (first === undefined || !this.#ahead.has(first)) return false
    this.#aheadMs = Math.min(this.#aheadMs, nowMs + waitMs)
    return true
  }

  /** The most urgent of its jobs that may be served now. Guest reads need no slot. */
  #choice(client: Client<J>, nowMs: number, full: boolean): Choice<J> | undefined {
    for (const of of TRAFFIC_CLASSES) {
      if (client.queues[of].size > 0) this.#sift(client, client.queues[of])
      if (client.queues[of].size === 0) continue
      if (of === 'background' && this.#isTooEarly(client, nowMs)) continue
      const spent = (of === 'guest' || of === 'boot') && client.urgent.waitMs(nowMs) > 0
      const as = spent ? 'requested' : of
      if (full && as !== 'guest' && !client.slow) continue
      // A VM waits for it, so at most for the limit of everything, as a boot profile does.
      const limit = spent && of === 'guest' ? 'boot' : as
      if (this.#rates.waitMs(limit, nowMs) > 0) continue
      return { client, of, as, limit }
    }
    return undefined
  }

  /** Puts aside what nobody needs as far as it comes first. */
  #sift(client: Client<J>, queue: ReadonlySet<J>): void {
    for (const job of queue) {
      if (job.needless?.() !== true) return
      this.#unqueue(client, job)
      this.#needless.add(job)
    }
  }

  #begin({ client, of, as, limit }: Choice<J>, nowMs: number): J | undefined {
    const job = client.queues[of].values().next().value
    if (job === undefined) return undefined
    const ahead = this.#ahead.has(job)
    this.#unqueue(client, job)
    return this.#start(client, { job, as, limit, sinceMs: nowMs, needless: false, ahead })
  }

  /** Only while nobody is given anything, and to one peer. */
  #beginNeedless(nowMs: number): J | undefined {
    if (this.#needless.size === 0) return undefined
    for (const client of this.#serving) if (holdsSlot(client, nowMs)) return undefined
    if (this.#rates.waitMs('background', nowMs) > 0) return undefined
    const job = this.#needless.next(nowMs, (peer) => this.#clients.get(peer)?.current !== undefined)
    const client = job === undefined ? undefined : this.#clients.get(job.peer)
    if (job === undefined || client === undefined) return undefined
    const as = { as: 'background', limit: 'background' } as const
    return this.#start(client, { job, ...as, sinceMs: nowMs, needless: true, ahead: false })
  }

  #start(client: Client<J>, turn: Turn<J>): J {
    client.current = turn
    client.waiting--
    this.#waiting--
    this.#leaveReady(client)
    this.#now = Math.max(this.#now, client.served)
    this.#enterServing(client)
    return turn.job
  }

  #clientOf(peer: string, nowMs: number): Client<J> {
    const known = this.#clients.get(peer)
    if (known !== undefined) return known
    const client = newClient<J>(peer, { served: this.#now, nowMs })
    this.#clients.set(peer, client)
    return client
  }
}
