import type { Admission } from '../core/admission.ts'
import type { BlockStore } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, GrantError, ProtocolError } from '../core/errors.ts'
import { checkGrant, type Grant } from '../core/grant.ts'
import { EXCHANGE_MANIFESTS_MAX, EXCHANGE_RENEW_INTERVAL_MS, EXCHANGE_REQUESTS_MAX } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { Ask, Have, Message, Open, Renew, Want, WantNode } from '../wire/message-types.ts'
import { Allowance } from './allowance.ts'
import { ASK_RETRY_MS, Asker } from './asker.ts'
import type { Connection } from './connection.ts'
import type { SegmentReader } from './segment-reader.ts'
import { serveNode, serveWant } from './serve.ts'
import type { Solid } from './solid.ts'
import type { Swarm } from './swarm.ts'

/** Refused opens of one channel: each costs a signature check. */
const REFUSALS = { max: EXCHANGE_MANIFESTS_MAX, perSecond: 1 }

/** Verifies signature and claims of a grant that a peer shows. Throws GrantError or what the signature check throws. */
export type GrantVerifier = (token: string) => Promise<Grant>

export interface ServerComponents {
  blocks: BlockStore
  segments: SegmentReader
  nodes: BlockStore
  clock: Clock
  log: Log
  solid?: Solid | undefined
  admission: Pick<Admission, 'of'>
  verifyGrant: GrantVerifier
  /** Seconds that an expired grant still counts for: 0 while the tracker can be asked. */
  graceS(): number
  /** Waits a while for a swarm whose manifest is just being fetched. */
  swarm(manifest: ManifestId): Promise<Swarm | undefined>
  /** The peer was admitted to a swarm, or asked something in one. */
  used(connection: Connection): void
  /** A peer has joined a swarm here. */
  joined(connection: Connection, swarm: Swarm): void
}

/** A swarm that the other side of a connection has opened here. */
export interface Served {
  readonly id: number
  readonly swarm: Swarm
  grant: Grant
  /** The other side as one that asks for runs; only at an origin. */
  readonly asker: Asker | undefined
  readonly stop: () => void
  renewedMs: number
}

type Job = Want | WantNode

/**
 * The serving side of one connection: nothing is answered without a pass that is in force and a grant for just that manifest
 * and peer.
 */
export class Server {
  readonly #components: ServerComponents
  readonly #connection: Connection
  readonly #served = new Map<number, Served>()
  readonly #jobs = new Map<number, Job>()
  #current: number | undefined
  #opening = 0
  readonly #refusals: Allowance
  #working = false

  constructor(components: ServerComponents, connection: Connection) {
    this.#components = components
    this.#connection = connection
    this.#refusals = new Allowance(components, REFUSALS)
  }

  get manifests(): string[] {
    return [...this.#served.values()].map((served) => served.swarm.id)
  }

  get grants(): Grant[] {
    return [...this.#served.values()].map((served) => served.grant)
  }

  /** Serves nothing more under this grant. */
  end(grant: Grant): void {
    for (const [id, served] of this.#served) if (served.grant === grant) this.#leave(id)
  }

  /** Whether the other side is in a swarm here now. */
  get admits(): boolean {
    for (const id of this.#served.keys()) if (this.#authorised(id) !== undefined) return true
    return false
  }

  /** Handles one message that asks something. Throws ProtocolError when it may not be asked. */
  asked(message: Message): void {
    switch (message.type) {
      case 'open':
        return this.#open(message)
      case 'renew':
        return this.#renew(message)
      case 'want':
      case 'wantNode':
        return this.#enqueue(message)
      case 'cancel':
        return this.#cancel(message.request)
      case 'ask':
        return this.#ask(message)
      case 'leave':
        return this.#leave(message.id)
      default:
        throw new ProtocolError(`unexpected ${message.type}`)
    }
  }

  /** The opener of a swarm tells what it holds (only an origin cares). */
  told(message: Have): void {
    this.#served.get(message.id)?.asker?.told(message.runs)
  }

  close(): void {
    for (const id of [...this.#served.keys()]) this.#leave(id)
    this.#jobs.clear()
  }

  #open(message: Open): void {
    const open = this.#served.size + this.#opening
    if (open >= EXCHANGE_MANIFESTS_MAX || this.#refusals.spent) {
      throw new ProtocolError('too many swarms opened in one channel')
    }
    if (this.#served.has(message.id)) throw new ProtocolError('swarm id is in use')
    this.#opening++
    void this.#admit(message.grant, message.manifest)
      .finally(() => this.#opening--)
      .then(
        (admitted) => this.#opened(message.id, admitted),
        (error: unknown) => this.#refuse(message.id, error),
      )
  }

  /** One answer for every reason, so that it tells nothing about what is here. */
  #refuse(id: number, error: unknown): void {
    this.#refusals.take()
    this.#components.log.info({ peer: this.#connection.peer, err: messageOf(error) }, 'refused a peer')
    this.#connection.send({ type: 'refused', id })
  }

  async #admit(token: string, manifest: string): Promise<{ grant: Grant; swarm: Swarm }> {
    const grant = await this.#components.verifyGrant(token)
    if (grant.manifest !== manifest) throw new GrantError('grant is for another manifest')
    this.#check(grant)
    const swarm = await this.#components.swarm(grant.manifest)
    if (swarm === undefined || swarm.withheld) throw new GrantError('manifest is not here')
    return { grant, swarm }
  }

  #check(grant: Grant): void {
    const { admission, clock, graceS } = this.#components
    const { peer } = this.#connection
    if (admission.of(peer) === undefined)
      throw new GrantError('the pass of the peer is not in force any more')
    checkGrant(grant, { peer, nowMs: clock.now(), graceS: graceS() })
  }

  #opened(id: number, admitted: { grant: Grant; swarm: Swarm }): void {
    if (this.#connection.closed) return
    const { swarm, grant } = admitted
    const { superseed } = swarm
    const asker = superseed === undefined ? undefined : new Asker(this.#components, { swarm, superseed })
    const stop = swarm.listen({
      held: (runs) => this.#connection.have({ id, byOpener: false, runs }),
      partly: (parts) => this.#connection.haveParts(id, parts),
    })
    this.#served.set(id, { id, swarm, grant, asker, stop, renewedMs: Number.NEGATIVE_INFINITY })
    this.#connection.send({ type: 'opened', id, runs: swarm.map.runs, have: swarm.have.bytes.slice() })
    this.#connection.haveParts(id, swarm.partly)
    this.#components.used(this.#connection)
    this.#components.joined(this.#connection, swarm)
  }

  #renew(message: Renew): void {
    const served = this.#served.get(message.id)
    const nowMs = this.#components.clock.monotonic()
    if (served === undefined || nowMs - served.renewedMs < EXCHANGE_RENEW_INTERVAL_MS) return
    served.renewedMs = nowMs
    this.#admit(message.grant, served.swarm.id).then(
      ({ grant }) => {
        served.grant = grant
      },
      (error: unknown) =>
        this.#components.log.info(
          { peer: this.#connection.peer, err: messageOf(error) },
          'refused a renewal',
        ),
    )
  }

  #leave(id: number): void {
    const served = this.#served.get(id)
    if (served === undefined) return
    this.#served.delete(id)
    served.stop()
    served.asker?.leave()
  }

  #ask(message: Ask): void {
    const served = this.#authorised(message.id)
    if (served !== undefined) this.#components.used(this.#connection)
    const runs = served?.asker?.ask(message) ?? []
    this.#connection.send({ type: 'assign', request: message.request, runs, retryMs: ASK_RETRY_MS })
  }

  #authorised(id: number): Served | undefined {
    const served = this.#served.get(id)
    if (served === undefined || served.swarm.withheld) return undefined
    try {
      this.#check(served.grant)
      return served
    } catch (error) {
      if (error instanceof GrantError) return undefined
      throw error
    }
  }

  #enqueue(job: Job): void {
    if (this.#jobs.size >= EXCHANGE_REQUESTS_MAX) {
      this.#connection.send({ type: 'busy', request: job.request, retryMs: 1000 })
      return
    }
    if (this.#jobs.has(job.request)) throw new ProtocolError('request number is in use')
    this.#jobs.set(job.request, job)
    if (!this.#working) void this.#work()
  }

  /** Every request gets one answer: a job that has begun is answered with its blocks. */
  #cancel(request: number): void {
    if (request === this.#current || !this.#jobs.delete(request)) return
    this.#connection.send({ type: 'failed', request })
  }

  /** One job at a time: the bytes of one run a connection is all that waits for a slow peer. */
  async #work(): Promise<void> {
    this.#working = true
    try {
      for (const [request, job] of this.#jobs) {
        this.#current = request
        await this.#serve(job)
        this.#jobs.delete(request)
        this.#current = undefined
      }
    } catch (error) {
      this.#components.log.warn(
        { peer: this.#connection.peer, err: messageOf(error) },
        'stopped serving a peer',
      )
      this.#connection.drop(
        error instanceof Error ? error : new ProtocolError('serving failed', { cause: error }),
      )
    } finally {
      this.#working = false
    }
  }

  async #serve(job: Job): Promise<void> {
    const served = this.#authorised(job.id)
    if (served === undefined) {
      this.#connection.send({ type: 'failed', request: job.request })
      return
    }
    this.#components.used(this.#connection)
    const { blocks, segments, nodes, log, solid } = this.#components
    const room =
      job.type === 'want'
        ? await serveWant({ blocks, segments, log, solid, connection: this.#connection }, served.swarm, job)
        : await serveNode({ nodes, log, connection: this.#connection }, served.swarm, job)
    if (!room && !this.#connection.closed) await this.#connection.drained()
  }
}

function messageOf(error: unknown): string {
  return error instanceof BootswarmError ? `${error.code}: ${error.message}` : String(error)
}
