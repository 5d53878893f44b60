import type { BlockStore } from '../core/blockstore.ts'
import type { Digest, ManifestId } from '../core/cid.ts'
import { BootswarmError, ProtocolError } from '../core/errors.ts'
import { PASS_ON_HELD_MAX, RUN_BYTES_MAX, SERVE_BUSY_RETRY_MS, SERVE_COPIES_MAX } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { PeerKey } from '../core/router.ts'
import type { TrafficClass } from '../core/traffic-class.ts'
import type { Want, WantDigests, WantNode } from '../wire/message-types.ts'
import type { Connection } from './connection.ts'
import type { DigestPlaces } from './digest-places.ts'
import type { SegmentReader } from './segment-reader.ts'
import { digestsOf, serveDigests, serveNode, serveWant } from './serve.ts'
import type { Served } from './served.ts'
import { type DeskJob, type Sent, type ServingDesk, trafficClassOf } from './serving-desk.ts'
import type { Solid } from './solid.ts'
import type { Swarm } from './swarm.ts'

export interface ServedRequestComponents {
  blocks: BlockStore
  segments: SegmentReader
  digests: DigestPlaces
  nodes: BlockStore
  log: Log
  solid?: Solid | undefined
  desk: ServingDesk
  /** Resolves when those of these blocks that are on their way to this peer have landed, or after a while; undefined when none is. */
  landing?(
    manifest: ManifestId,
    digests: readonly Digest[],
    guestOf: PeerKey | undefined,
  ): Promise<unknown> | undefined
  /** Blocks of a swarm were damaged, and are not here any more. */
  damaged?(swarm: Swarm): void
  /** The peer was admitted to a swarm, or asked something in one. */
  used(connection: Connection): void
}

interface Init {
  readonly connection: Connection
  /** A swarm that the other side has open here. */
  swarmOf(id: number): Served | undefined
  /** The same while its grant and pass hold. */
  authorised(id: number): Served | undefined
}

type Request = Want | WantDigests | WantNode

/** The requests of one connection that are answered with bytes: queued at the desk, answered when it is their turn. */
export class ServedRequests {
  readonly #components: ServedRequestComponents
  readonly #init: Init
  readonly #connection: Connection
  /** Of those not answered yet, the ones whose blocks are on their way here. */
  readonly #held = new Set<DeskJob>()
  /** Those not answered yet, by their number. */
  readonly #jobs = new Map<number, DeskJob>()

  constructor(components: ServedRequestComponents, init: Init) {
    this.#components = components
    this.#init = init
    this.#connection = init.connection
  }

  clear(): void {
    for (const job of this.#jobs.values()) this.#components.desk.remove(job)
    this.#jobs.clear()
    this.#held.clear()
  }

  add(message: Request): void {
    const { request } = message
    if (this.#jobs.has(request)) throw new ProtocolError('request number is in use')
    const job = this.#job(message)
    this.#jobs.set(request, job)
    const landing = this.#landing(message)
    if (landing === undefined) return this.#queue(request, job)
    this.#held.add(job)
    void landing.then(() => {
      if (this.#held.delete(job)) this.#queue(request, job)
    })
  }

  /** Of what a boot reads every peer brings in a share: the others are given it as soon as it is here, so that nobody else has to fetch it. */
  #landing(message: Request): Promise<unknown> | undefined {
    if (message.type !== 'wantDigests' || this.#held.size >= PASS_ON_HELD_MAX) return undefined
    const of = trafficClassOf(message.class)
    if (!PASSED_ON.includes(of)) return undefined
    const manifest = this.#init.authorised(message.id)?.swarm.id
    return (
      manifest &&
      this.#components.landing?.(
        manifest,
        digestsOf(message),
        of === 'guest' ? this.#connection.peer : undefined,
      )
    )
  }

  #queue(request: number, job: DeskJob): void {
    if (this.#components.desk.add(job)) return
    this.#jobs.delete(request)
    this.#connection.send({ type: 'busy', request, retryMs: SERVE_BUSY_RETRY_MS })
  }

  #job(message: Request): DeskJob {
    return {
      peer: this.#connection.peer,
      class: this.#classOf(message),
      needless: () => this.#isNeedless(message),
      ahead: () => this.#isAhead(message),
      serve: () => this.#serve(message).finally(() => this.#jobs.delete(message.request)),
      drained: async () => {
        if (!this.#connection.closed) await this.#connection.drained()
      },
      failed: (error) => this.#failed(error),
    }
  }

  /** Everything waits for nodes. Who was given the image twice and wants more comes last. */
  #classOf(message: Request): TrafficClass {
    if (message.type === 'wantNode') return 'boot'
    const served = this.#init.swarmOf(message.id)
    if (served === undefined) return 'background'
    if (served.givenBytes > copiesBytes(served)) return 'background'
    return trafficClassOf(message.class)
  }

  /** The peer was told to fetch something. */
  assigned(): void {
    this.#components.desk.judge(this.#connection.peer)
  }

  /** What it was given before; at an origin also what that did not assign to it, as nobody is by digest, unless it is for a machine or for some day. */
  #isNeedless(message: Request): boolean {
    if (message.type === 'wantNode') return false
    const served = this.#init.swarmOf(message.id)
    if (served === undefined) return false
    const byRun = message.type === 'want'
    if (byRun && served.repeats.has(message.run, firstIndex(message))) return true
    const of = trafficClassOf(message.class)
    if (served.asker === undefined || of === 'guest' || of === 'boot') return false
    return !(byRun && served.asker.expects(message.run)) && !this.#isAhead(message)
  }

  /** At an origin what that did not assign, for some day: until the peer was given the image twice. */
  #isAhead(message: Request): boolean {
    if (message.type !== 'want' || trafficClassOf(message.class) !== 'background') return false
    const served = this.#init.swarmOf(message.id)
    if (served?.asker === undefined || served.asker.expects(message.run)) return false
    return served.givenBytes <= copiesBytes(served)
  }

  /** Every request gets one answer: a job that has begun is answered with its blocks. */
  cancel(request: number): void {
    const job = this.#jobs.get(request)
    if (job === undefined || !(this.#held.delete(job) || this.#components.desk.remove(job))) return
    this.#jobs.delete(request)
    this.#connection.send({ type: 'failed', request })
  }

  #failed(error: unknown): void {
    if (this.#connection.closed) return
    const { log } = this.#components
    log.warn({ peer: this.#connection.peer, err: messageOf(error) }, 'stopped serving a peer')
    const reason = error instanceof Error ? error : new ProtocolError('serving failed', { cause: error })
    this.#connection.drop(reason)
  }

  async #serve(message: Request): Promise<Sent> {
    const connection = this.#connection
    if (connection.closed) return { bytes: 0, room: true }
    const served = this.#init.authorised(message.id)
    if (served === undefined) {
      return { bytes: 0, room: connection.send({ type: 'failed', request: message.request }) }
    }
    this.#components.used(connection)
    const { blocks, segments, digests, nodes, log, solid } = this.#components
    if (message.type === 'wantNode') return await serveNode({ nodes, log, connection }, served.swarm, message)
    const damaged = (swarm: Swarm, count: number) => {
      this.#components.desk.damaged += count
      this.#components.damaged?.(swarm)
    }
    const parts = { blocks, nodes, segments, digests, log, solid, connection, damaged }
    if (message.type === 'wantDigests') {
      const sent = await serveDigests(parts, served.swarm, message)
      served.givenBytes += sent.bytes
      return sent
    }
    const sent = await serveWant(parts, served.swarm, message)
    served.givenBytes += sent.bytes
    served.asker?.served(message.run, sent.bytes)
    if (sent.bytes > 0) served.repeats.gave(message.run, firstIndex(message))
    return sent
  }
}

/** What a peer is given of an image before it comes last. */
const copiesBytes = ({ swarm }: Served) => SERVE_COPIES_MAX * (swarm.map.runs + 1) * RUN_BYTES_MAX

/** What guests wait for, now or in a moment. */
const PASSED_ON: readonly TrafficClass[] = ['guest', 'boot']

/** The lowest wanted index. */
function firstIndex({ missing }: Want): number {
  const at = missing.findIndex((byte) => byte !== 0)
  const byte = missing[at] ?? 0
  return at < 0 ? 0 : at * 8 + 31 - Math.clz32(byte & -byte)
}

export function messageOf(error: unknown): string {
  return error instanceof BootswarmError ? `${error.code}: ${error.message}` : String(error)
}
