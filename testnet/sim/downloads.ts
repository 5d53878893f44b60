import type { Bitmap } from '../../src/core/bitmap.ts'
import { EXCHANGE_CREDIT_BYTES, EXCHANGE_WANT_TIMEOUT_MS, HAVE_DELAY_MS } from '../../src/core/limits.ts'
import { type Labels, nearness } from '../../src/core/nearness.ts'
import type { PeerAddress, PeerKey, RackPlace } from '../../src/core/router.ts'
import { FetchPolicy } from '../../src/exchange/policy/fetch-policy.ts'
import { NeighbourPolicy } from '../../src/exchange/policy/neighbour-policy.ts'
import type { Decision, Want, WantFailure } from '../../src/exchange/policy/want.ts'
import { Dialler } from './dialler.ts'
import type { DownloadComponents, DownloadInit } from './download-facts.ts'
import type { Host } from './host.ts'
import type { Client, Held, Service } from './service.ts'
import { Services } from './services.ts'
import { Wake } from './wake.ts'

/** A policy that wants to be woken at once is woken after so long, as by a timer of Node.js. */
const WAKE_MS_MIN = 1

/**
 * The fetching side of one node: the policies of `src/exchange`, around them simulated connections, disk and time, as `Session` and `Fetcher`
 * are the real ones.
 */
export class Downloads implements Client {
  readonly key: PeerKey
  readonly host: Host
  readonly fetch: FetchPolicy
  receivedBytes = 0
  receivedFromOriginBytes = 0
  readonly #components: DownloadComponents
  readonly #init: DownloadInit
  readonly #neighbours: NeighbourPolicy
  readonly #services = new Services()
  readonly #dialler: Dialler
  readonly #wake: Wake
  #heldRuns = 0
  /** What was stored and not told yet. */
  #fresh: Held[] = []
  #running = false

  constructor(components: DownloadComponents, init: DownloadInit) {
    this.#components = components
    this.#init = init
    this.key = init.key
    this.host = components.host
    const { random } = components
    this.#dialler = new Dialler({ ...components, client: this }, init)
    this.#neighbours = new NeighbourPolicy({ random }, { labels: init.labels })
    const { key, runs, parts } = init
    this.#wake = new Wake(components, () => this.#pump())
    this.fetch = new FetchPolicy({ runs, parts, random, nowMs: this.#nowMs, self: key })
  }

  /** Whole runs that are here. */
  get heldRuns(): number {
    return this.#heldRuns
  }

  get neighbours(): number {
    return this.#services.size
  }

  /** Everything is here before the simulation begins. */
  fill(): void {
    this.#heldRuns = this.#init.runs
    for (let run = 0; run < this.#init.runs; run++) this.fetch.held(run, 0)
  }

  /** The manifest is known: everything is missing. */
  start(): void {
    this.#running = true
    for (let run = 0; run < this.#init.runs; run++) this.fetch.missing(run, this.#nowMs)
    this.fetch.planned(this.#nowMs)
  }

  /** Everything is here, or the node is gone: nothing is wanted any more. */
  stop(): void {
    this.#running = false
    for (const service of [...this.#services]) this.#leave(service)
    this.#services.clear()
    this.#dialler.stop()
  }

  takenFrom(peer: PeerKey): number {
    return this.#services.takenFrom(peer)
  }

  learn(addresses: readonly PeerAddress[], rack?: RackPlace): void {
    if (!this.#running) return
    for (const { peer, labels, origin } of addresses) this.#neighbours.learn({ peer, labels, origin })
    const mates = addresses.filter(({ labels, origin }) => origin !== true && this.#isMate(labels))
    this.fetch.mates(
      mates.map(({ peer }) => peer),
      this.#nowMs,
    )
    if (rack !== undefined) this.fetch.placed(rack, this.#nowMs)
    this.#dial()
  }

  /** A peer has opened the swarm here: its connection serves both ways. */
  welcome(peer: PeerKey, labels: Labels): void {
    this.#dialler.connected(peer)
    if (this.#running && this.#neighbours.welcome({ peer, labels }, this.#nowMs)) this.#dialler.open(peer)
  }

  /** To be called several times a second. */
  tick(): void {
    if (!this.#running) return
    this.#giveUpSilent()
    const bytesOf = (key: string) => this.takenFrom(key as PeerKey) + this.#components.givenTo(key as PeerKey)
    const useless = this.#neighbours.rebalance(this.#nowMs, bytesOf)
    if (useless !== undefined) this.#part(useless as PeerKey, { failed: false })
    this.#dial()
    this.#pump()
  }

  opened(service: Service, have: Bitmap): void {
    const { server } = service
    if (!this.#running || !this.#dialler.settle(server)) return this.#leave(service)
    const { labels } = this.#components.directory.find(server)
    this.#dialler.connected(server)
    this.#neighbours.joined(server, this.#nowMs)
    const origin = this.#neighbours.isOrigin(server)
    const near = nearness(labels, this.#init.labels)
    const join = { key: server, have, origin, nearness: near, credit: EXCHANGE_CREDIT_BYTES }
    const peer = this.fetch.joined(join, this.#nowMs)
    service.progressMs = this.#nowMs
    this.#services.add(service, peer)
    if (peer.origin) this.#tellOrigin(service, this.#allHeld())
    this.#pump()
  }

  refused(server: PeerKey, retryMs: number): void {
    if (!this.#dialler.settle(server)) return
    this.#dialler.connected(server)
    this.#neighbours.left(server, this.#nowMs, { failed: true, retryMs })
    this.#dial()
  }

  heard(service: Service, held: readonly Held[]): void {
    const { peer } = service
    if (peer === undefined) return
    const nowMs = this.#nowMs
    const before = peer.interest
    for (const { run, parts } of held) this.fetch.peerHas(peer, run, { nowMs, parts })
    // Only somebody of use who was of none, or whose pipeline is not full, can change what is decided.
    if (before === 0 && peer.interest > 0) this.#pump()
  }

  answered(service: Service, want: Want, wrong: boolean): void {
    if (!service.pending.delete(want)) return
    const nowMs = this.#nowMs
    service.progressMs = nowMs
    this.receivedBytes += want.bytes
    if (want.peer.origin) this.receivedFromOriginBytes += want.bytes
    if (this.fetch.answered(want, nowMs)) {
      const settle = wrong ? () => this.#refuse(service, want) : () => this.#stored(want)
      this.#components.queue.after(this.#init.storeMs, settle)
    }
    this.#pump()
  }

  failed(service: Service, want: Want, reason: WantFailure): void {
    if (!service.pending.delete(want)) return
    service.progressMs = this.#nowMs
    this.fetch.failed(want, reason, { nowMs: this.#nowMs, retryMs: 1000 })
    this.#pump()
  }

  assigned(service: Service, runs: readonly number[], retryMs: number): void {
    const { peer } = service
    if (peer === undefined) return
    service.progressMs = this.#nowMs
    this.fetch.assigned(peer, runs, { nowMs: this.#nowMs, retryMs })
    this.#pump()
  }

  ended(service: Service): void {
    if (service.peer === undefined) return
    this.#forget(service)
    this.#neighbours.left(service.server, this.#nowMs, { failed: true })
    this.#dial()
    this.#pump()
  }

  get #nowMs(): number {
    return this.#components.queue.monotonic()
  }

  #isMate(labels: Labels | undefined): boolean {
    return nearness(labels, this.#init.labels) === 2
  }

  #dial(): void {
    for (const peer of this.#neighbours.dials(this.#nowMs)) this.#dialler.open(peer as PeerKey)
  }

  #pump(): void {
    if (!this.#running) return
    const nowMs = this.#nowMs
    for (let decision = this.fetch.next(nowMs); decision !== undefined; decision = this.fetch.next(nowMs)) {
      this.#do(decision)
    }
    const wakeMs = Math.max(this.fetch.wakeMs, nowMs + WAKE_MS_MIN)
    if (wakeMs !== Number.POSITIVE_INFINITY) this.#wake.after(wakeMs - nowMs)
  }

  #do(decision: Decision): void {
    const { network, directory } = this.#components
    const peer = decision.type === 'want' || decision.type === 'cancel' ? decision.want.peer : decision.peer
    const service = this.#services.get(peer.key as PeerKey)
    if (service === undefined) return
    const far = directory.find(service.server)
    const send = (due: () => void) => network.message(this.host, far.host, { due })
    if (decision.type === 'want') {
      const { want } = decision
      service.pending.add(want)
      send(() => far.uploads.want(service, want))
    } else if (decision.type === 'cancel') {
      const { want } = decision
      send(() => far.uploads.cancel(service, want))
    } else if (decision.type === 'ask') {
      const { count, starving } = decision
      send(() => far.uploads.ask(service, { count, starving }))
    } else this.#part(service.server, { failed: true })
  }

  #stored(want: Want): void {
    this.fetch.stored(want)
    const parts = this.fetch.heldParts(want.run)
    if (parts === this.fetch.allParts) this.#heldRuns++
    this.#fresh.push({ run: want.run, parts })
    if (this.#fresh.length === 1) this.#components.queue.after(HAVE_DELAY_MS, () => this.#tell())
    this.#pump()
  }

  /** Everybody hears of what is here, several runs at once. */
  #tell(): void {
    const held = this.#fresh
    this.#fresh = []
    this.#components.holds(held)
    for (const service of this.#services.origins) this.#tellOrigin(service, held)
    if (this.#running && this.fetch.complete) this.#components.completed()
  }

  #tellOrigin(service: Service, held: readonly Held[]): void {
    const far = this.#components.directory.find(service.server)
    this.#components.network.message(this.host, far.host, { due: () => far.uploads.told(service, held) })
  }

  #allHeld(): Held[] {
    const { fetch } = this
    const held: Held[] = []
    for (let run = 0; run < fetch.runs; run++) {
      const parts = fetch.heldParts(run)
      if (parts === fetch.allParts) held.push({ run, parts })
    }
    return held
  }

  /** Its bytes were wrong. */
  #refuse(service: Service, want: Want): void {
    this.fetch.failed(want, 'lost', { nowMs: this.#nowMs })
    if (service.peer === undefined) return
    this.#forget(service)
    this.#leave(service)
    this.#neighbours.ban(service.server)
    this.#dial()
    this.#pump()
  }

  #part(key: PeerKey, { failed }: { failed: boolean }): void {
    const service = this.#services.get(key)
    if (service === undefined) return
    this.#forget(service)
    this.#leave(service)
    this.#neighbours.left(key, this.#nowMs, { failed })
  }

  #forget(service: Service): void {
    const peer = this.#services.delete(service)
    if (peer !== undefined) this.fetch.left(peer, this.#nowMs)
  }

  #leave(service: Service): void {
    const far = this.#components.directory.find(service.server)
    service.pending.clear()
    this.#components.network.message(this.host, far.host, { due: () => far.uploads.left(service) })
  }

  /** Wants fail that had no answer for so long, while nothing else came from the peer either. */
  #giveUpSilent(): void {
    const oldestMs = this.#nowMs - EXCHANGE_WANT_TIMEOUT_MS
    for (const service of this.#services) {
      for (const want of service.takeSilent(oldestMs)) {
        this.fetch.failed(want, 'timeout', { nowMs: this.#nowMs })
      }
    }
  }
}
