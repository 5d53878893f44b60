import { Bitmap } from '../../src/core/bitmap.ts'
import { PEER_RETRY_MS } from '../../src/core/limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Asker } from '../../src/exchange/asker.ts'
import { RateLimit } from '../../src/exchange/policy/rate-limit.ts'
import { ServeOrder } from '../../src/exchange/policy/serve-order.ts'
import type { ServingPlaces } from '../../src/exchange/policy/serving-places.ts'
import type { Want } from '../../src/exchange/policy/want.ts'
import type { EventQueue } from './events.ts'
import type { Host } from './host.ts'
import type { Network } from './network.ts'
import { type Client, type Held, type Job, Service } from './service.ts'
import { Wake } from './wake.ts'

/** How a peer serves: as it should; not at all; with a bitmap that promises everything; with wrong bytes. */
export type Manners = 'honest' | 'silent' | 'lying' | 'corrupt'

export interface UploadComponents {
  readonly queue: EventQueue
  readonly network: Network
  readonly host: Host
  /** Absent at an origin, which has room for as many as it has channels. */
  readonly places?: ServingPlaces
  /** Who asks for runs, at an origin. */
  asker?(): Asker
  /** Parts of a run that are here. */
  heldParts(run: number): number
  /** Bytes that came from a peer so far. */
  takenFrom(peer: PeerKey): number
  /** A peer has the swarm open here. */
  joined(client: Client): void
}

export interface UploadInit {
  readonly key: PeerKey
  readonly runs: number
  readonly allParts: number
  readonly channelsMax: number
}

/** The serving side of one peer: whom it lets in, what it tells them, what it sends. */
export class Uploads {
  readonly host: Host
  manners: Manners = 'honest'
  readonly #components: UploadComponents
  readonly #init: UploadInit
  readonly #services = new Map<PeerKey, Service>()
  /** Bytes sent in services that have ended. */
  readonly #givenBefore = new Map<PeerKey, number>()
  readonly #order: ServeOrder<Job>
  /** Services by distance, as they are told; undefined when they have changed. */
  #audience: readonly (readonly Service[])[] | undefined
  readonly #wake: Wake

  constructor(components: UploadComponents, init: UploadInit) {
    this.#components = components
    this.#init = init
    this.host = components.host
    this.#wake = new Wake(components, () => this.#serve())
    this.#order = new ServeOrder({ rates: new RateLimit({}, 0) })
  }

  get key(): PeerKey {
    return this.#init.key
  }

  /** Milliseconds for which there has been nothing to send. */
  get idleMs(): number {
    return this.#order.idleMs(this.#nowMs)
  }

  get clients(): number {
    return this.#services.size
  }

  givenTo(peer: PeerKey): number {
    return (this.#services.get(peer)?.flow.arrivedBytes ?? 0) + (this.#givenBefore.get(peer) ?? 0)
  }

  /** A peer opens the swarm here. */
  open(client: Client): void {
    const { network, queue } = this.#components
    const before = this.#services.get(client.key)
    if (before !== undefined) this.#close(before)
    const answer = this.#place(client.key)
    if (!answer.admitted) {
      const { retryMs } = answer
      return network.message(this.host, client.host, { due: () => client.refused(this.key, retryMs) })
    }
    const displaced =
      answer.displaced === undefined ? undefined : this.#services.get(answer.displaced as PeerKey)
    if (displaced !== undefined) this.end(displaced)
    const flow = network.flow(this.host, client.host)
    const asker = this.#components.asker?.()
    const service = new Service({ client, server: this.key, flow, asker, nowMs: queue.monotonic() })
    this.#services.set(client.key, service)
    this.#audience = undefined
    const have = this.#have()
    network.message(this.host, client.host, { due: () => client.opened(service, have) })
    this.#components.joined(client)
  }

  /** Ends a service from this side. */
  end(service: Service): void {
    this.#close(service)
    const { client } = service
    this.#components.network.message(this.host, client.host, { due: () => client.ended(service) })
  }

  /** The client has left. */
  left(service: Service): void {
    this.#close(service)
  }

  /** This peer is gone: whoever it served hears of it as connections end. */
  close(): void {
    for (const service of [...this.#services.values()]) this.end(service)
  }

  want(service: Service, want: Want): void {
    if (!service.isOpen || this.manners === 'silent') return
    const lacking = this.manners === 'lying' ? want.parts : want.parts & ~this.#components.heldParts(want.run)
    if (lacking !== 0) return this.#fail(service, want, 'lacks')
    const job = this.#job(service, want)
    if (!this.#order.add(job, this.#nowMs)) return this.#fail(service, want, 'busy')
    service.jobs.set(want, job)
    this.#serve()
  }

  /** Every want gets one answer: what has begun is sent to its end. */
  cancel(service: Service, want: Want): void {
    const job = service.jobs.get(want)
    if (job === undefined || !this.#order.remove(job)) return
    service.jobs.delete(want)
    this.#fail(service, want, 'lost')
  }

  ask(service: Service, ask: { count: number; starving: boolean }): void {
    if (!service.isOpen || this.manners === 'silent') return
    const assigned = service.asker?.ask(ask)
    if (assigned === undefined) return
    const { client } = service
    const assign = { due: () => client.assigned(service, assigned.runs, assigned.retryMs) }
    this.#components.network.message(this.host, client.host, assign)
  }

  /** The client tells what it holds. */
  told(service: Service, held: readonly Held[]): void {
    if (service.isOpen)
      service.asker?.told(held.filter(({ parts }) => parts === this.#init.allParts).map(({ run }) => run))
  }

  /** More is here: all clients hear of it. */
  holds(held: readonly Held[]): void {
    this.#audience ??= this.#groups()
    for (const group of this.#audience) this.#tellAll(group, held)
  }

  /** Who is served here, those of the own rack first. */
  #groups(): readonly (readonly Service[])[] {
    const services = [...this.#services.values()]
    const isNear = ({ client }: Service) => client.host.rack === this.host.rack
    return [services.filter(isNear), services.filter((service) => !isNear(service))]
  }

  /** One event for all that are as far as the first. */
  #tellAll(services: readonly Service[], held: readonly Held[]): void {
    const first = services.find(({ client }) => !client.host.isStopped)
    if (first === undefined) return
    const hear = () => {
      for (const service of services) if (service.isOpen) service.client.heard(service, held)
    }
    this.#components.network.message(this.host, first.client.host, { due: hear })
    this.#components.network.sentToo(services.length - 1)
  }

  get #nowMs(): number {
    return this.#components.queue.monotonic()
  }

  #job(service: Service, want: Want): Job {
    const wrong = this.manners === 'corrupt'
    const job: Job = {
      peer: service.client.key,
      class: want.class,
      service,
      run: want.run,
      parts: want.parts,
      bytes: want.bytes,
      needless: () => service.repeats.has(want.run, want.parts) || service.asker?.expects(want.run) === false,
      left: () => {
        this.#order.done(job, this.#nowMs)
        this.#serve()
      },
      arrived: () => {
        service.jobs.delete(want)
        service.client.answered(service, want, wrong)
      },
    }
    return job
  }

  /** Gives jobs to their flows as far as the order of serving says. */
  #serve(): void {
    const nowMs = this.#nowMs
    for (let job = this.#order.next(nowMs); job !== undefined; job = this.#order.next(nowMs)) {
      this.#order.sent(job, job.bytes, nowMs)
      job.service.asker?.served(job.run, job.bytes)
      job.service.repeats.gave(job.run, job.parts)
      job.service.flow.send(job)
    }
    const waitMs = this.#order.waitMs(nowMs)
    if (waitMs !== undefined) this.#wake.after(waitMs)
  }

  #fail(service: Service, want: Want, reason: 'busy' | 'lacks' | 'lost'): void {
    const { client } = service
    const failed = { due: () => client.failed(service, want, reason) }
    this.#components.network.message(this.host, client.host, failed)
  }

  #place(peer: PeerKey): { admitted: true; displaced?: string } | { admitted: false; retryMs: number } {
    const { places, queue, takenFrom } = this.#components
    const bytesOf = (key: string) => takenFrom(key as PeerKey) + this.givenTo(key as PeerKey)
    if (places !== undefined) return places.enter(peer, queue.monotonic(), bytesOf)
    if (this.#services.size < this.#init.channelsMax) return { admitted: true }
    return { admitted: false, retryMs: PEER_RETRY_MS }
  }

  #have(): Bitmap {
    const { runs, allParts } = this.#init
    if (this.manners === 'lying') return Bitmap.full(runs)
    const have = new Bitmap(runs)
    for (let run = 0; run < runs; run++) if (this.#components.heldParts(run) === allParts) have.set(run)
    return have
  }

  #close(service: Service): void {
    if (!service.isOpen) return
    const { key } = service.client
    this.#givenBefore.set(key, this.givenTo(key))
    for (const job of service.jobs.values()) this.#order.remove(job)
    service.close()
    this.#order.forget(key)
    this.#services.delete(key)
    this.#audience = undefined
    this.#components.places?.leave(key)
  }
}
