import type { Admission } from '../core/admission.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { GrantError, ProtocolError } from '../core/errors.ts'
import { checkGrant, type Grant } from '../core/grant.ts'
import { EXCHANGE_MANIFESTS_MAX, EXCHANGE_RENEW_INTERVAL_MS, ORIGIN_ASK_RETRY_MS } from '../core/limits.ts'
import type { Ask, Have, Message, Open, Renew } from '../wire/message-types.ts'
import { Allowance } from './allowance.ts'
import { Asker, type AskerComponents } from './asker.ts'
import type { Connection } from './connection.ts'
import { Repeats } from './policy/repeats.ts'
import type { ServingPlaces } from './policy/serving-places.ts'
import type { Served } from './served.ts'
import { messageOf, type ServedRequestComponents, ServedRequests } from './served-requests.ts'
import type { Swarm } from './swarm.ts'

/** Refused opens of one channel: each costs a signature check. */
const REFUSALS = { max: EXCHANGE_MANIFESTS_MAX, perSecond: 1 }

/** Verifies signature and claims of a grant that a peer shows. Throws GrantError or what the signature check throws. */
export type GrantVerifier = (token: string) => Promise<Grant>

export interface ServerComponents extends ServedRequestComponents {
  clock: Clock
  admission: Pick<Admission, 'of'>
  verifyGrant: GrantVerifier
  /** Seconds that an expired grant still counts for: 0 while the tracker can be asked. */
  graceS(): number
  /** Waits a while for a swarm whose manifest is just being fetched. */
  swarm(manifest: ManifestId): Promise<Swarm | undefined>
  /** A peer has joined a swarm here. */
  joined(connection: Connection, swarm: Swarm): void
  /** A peer has left a swarm here, or lost its place in it. */
  left(connection: Connection): void
  /** At an origin. */
  origin: OriginSide | undefined
  places: Places
}

/** Whose turn it is at an origin, and what it gives a second time. */
export type OriginSide = Pick<AskerComponents, 'turns' | 'fallback'>

/** The places of each swarm here. An origin admits everybody. */
export interface Places {
  of(swarm: Swarm): ServingPlaces | undefined
  /** Bytes exchanged with a peer, both ways. */
  bytesOf(peer: string): number
  /** Ends the swarm for a peer that has lost its place. */
  displace(peer: string, swarm: Swarm): void
  /** A peer was told that there is no place. */
  refused(): void
}

/**
 * The serving side of one connection: nothing is answered without a pass that is in force and a grant for just that manifest
 * and peer.
 */
export class Server {
  readonly #components: ServerComponents
  readonly #connection: Connection
  readonly #served = new Map<number, Served>()
  readonly #requests: ServedRequests
  #opening = 0
  readonly #refusals: Allowance

  constructor(components: ServerComponents, connection: Connection) {
    this.#components = components
    this.#connection = connection
    this.#refusals = new Allowance(components, REFUSALS)
    this.#requests = new ServedRequests(components, {
      connection,
      swarmOf: (id) => this.#served.get(id),
      authorised: (id) => this.#authorised(id),
    })
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
      case 'wantDigests':
      case 'wantNode':
        return this.#requests.add(message)
      case 'cancel':
        return this.#requests.cancel(message.request)
      case 'ask':
        return this.#ask(message)
      case 'leave':
        this.#leave(message.id)
        return this.#components.left(this.#connection)
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
    this.#requests.clear()
  }

  /** Another peer gets the place of this one in a swarm. */
  displace(swarm: Swarm): void {
    for (const [id, served] of this.#served) {
      if (served.swarm !== swarm) continue
      this.#leave(id)
      this.#connection.send({ type: 'leave', id, byOpener: false })
      this.#components.left(this.#connection)
    }
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
    const places = this.#components.places.of(swarm)
    if (!this.#placed(id, swarm, places)) return
    const stop = swarm.listen({
      held: (runs) => this.#connection.have({ id, byOpener: false, runs }),
      partly: (parts) => this.#connection.haveParts(id, parts),
    })
    const asker = this.#asker(swarm)
    const fresh = { renewedMs: Number.NEGATIVE_INFINITY, givenBytes: 0, repeats: new Repeats() }
    this.#served.set(id, { id, swarm, grant, asker, places, stop, ...fresh })
    this.#connection.send({ type: 'opened', id, runs: swarm.map.runs, have: swarm.have.bytes.slice() })
    this.#connection.haveParts(id, swarm.partly)
    this.#components.used(this.#connection)
    this.#components.joined(this.#connection, swarm)
  }

  /** Takes a place in the swarm; without one the peer is told to come later. */
  #placed(id: number, swarm: Swarm, from: ServingPlaces | undefined): boolean {
    const { clock, places } = this.#components
    const { peer } = this.#connection
    const answer = from?.enter(peer, clock.monotonic(), (other) => places.bytesOf(other))
    if (answer?.admitted === false) {
      places.refused()
      this.#connection.send({ type: 'busy', request: id, retryMs: answer.retryMs })
      return false
    }
    if (answer?.displaced !== undefined) places.displace(answer.displaced, swarm)
    return true
  }

  #asker(swarm: Swarm): Asker | undefined {
    const { clock, origin } = this.#components
    const { superseed } = swarm
    if (superseed === undefined || origin === undefined) return undefined
    return new Asker({ clock, ...origin }, { swarm, superseed })
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
    served.places?.leave(this.#connection.peer)
  }

  #ask(message: Ask): void {
    const served = this.#authorised(message.id)
    if (served !== undefined) this.#components.used(this.#connection)
    const { runs, retryMs } = served?.asker?.ask(message) ?? { runs: [], retryMs: ORIGIN_ASK_RETRY_MS }
    this.#connection.send({ type: 'assign', request: message.request, runs, retryMs })
    if (runs.length > 0) this.#requests.assigned()
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
}
