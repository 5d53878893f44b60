import type {
  AnnounceAnswer,
  AnnounceBody,
  AnnouncedSwarm,
  JoinAnswer,
  LeaveBody,
  RelatedAnswer,
} from '../src/api/swarm-schemas.ts'
import type { TrackerClient } from '../src/api/tracker-client.ts'
import type { CallOptions } from '../src/core/blockstore.ts'
import { BOOT_PROFILE_TYPE, type BootProfileStatement, parseBootProfile } from '../src/core/boot-profile.ts'
import type { DigestKey, ManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import {
  AbortedError,
  BootswarmError,
  CertificateError,
  httpStatusOf,
  SignatureError,
} from '../src/core/errors.ts'
import { GRANT_TYPE, type Grant, parseGrant } from '../src/core/grant.ts'
import { GRANT_SETTLE_S } from '../src/core/limits.ts'
import { PASS_TYPE, type Pass, parsePass } from '../src/core/pass.ts'
import { type ImageRecord, parseRecord, RECORD_TYPE } from '../src/core/record.ts'
import { formatReference, type Reference } from '../src/core/reference.ts'
import type { PeerAddress, PeerKey, RackPlace } from '../src/core/router.ts'
import { verifyJws } from '../src/identity/jws.ts'
import type { Trust } from '../src/identity/trust.ts'

/** What the tracker said when this node joined a swarm, its signatures checked. */
export interface Joined {
  readonly manifest: ManifestId
  readonly record: ImageRecord
  readonly recordToken: string
  readonly grant: string
  readonly peers: readonly PeerAddress[]
  /** Which one of its rack this node is in the swarm. */
  readonly rack?: RackPlace
  /** What names the reads of its boot profile; undefined without one. */
  readonly profile?: DigestKey
}

/** The part of the tracker's client that is needed here. */
type TrackerCalls = Pick<TrackerClient, 'announce' | 'join' | 'leave' | 'reach' | 'related'>

export interface TrackerLinkInit {
  /** Name in the tracker's certificate. */
  readonly name: string
  readonly self: PeerKey
  /** Seconds that expired passes and grants count for while the tracker is out of reach. */
  readonly graceSeconds: number
  /** Resolves when this node has enrolled, or the tracker does not answer. */
  enrolled(): Promise<void>
  /** Addresses of this node, as they are at the time of the call. */
  addresses(): string[]
  /** A fresh grant has come. */
  renewed(manifest: ManifestId, grant: string): void
  /** Peers that the tracker handed out. */
  met(peers: readonly PeerAddress[]): void
}

/** This node's view of the tracker: swarms, records, grants, and whether it can be reached at all. */
export class TrackerLink {
  readonly #client: TrackerCalls
  readonly #clock: Clock
  readonly #trust: Trust
  readonly #init: TrackerLinkInit
  readonly #origins = new Set<PeerKey>()
  #reachable: boolean | undefined
  /** A request has waited for longer than anybody should, and none was answered since. */
  #isLate = false
  #backMs = Number.NEGATIVE_INFINITY

  constructor(components: { client: TrackerCalls; clock: Clock; trust: Trust }, init: TrackerLinkInit) {
    this.#client = components.client
    this.#clock = components.clock
    this.#trust = components.trust
    this.#init = init
  }

  /** Whether the last request was answered by a tracker that works; undefined before there was one. */
  get reachable(): boolean | undefined {
    return this.#reachable
  }

  /** Whether it is worth waiting for: it answers, or was not asked yet, and owes nobody an answer for long. */
  get answers(): boolean {
    return this.#reachable !== false && !this.#isLate
  }

  /** Somebody has waited long enough for its answer. It counts as reachable until a request fails: nothing that has expired counts for that. */
  late(): void {
    this.#isLate = true
  }

  /** A grant has come with an answer that nobody has waited for. */
  renewed({ manifest, grant }: Pick<Joined, 'manifest' | 'grant'>): void {
    this.#init.renewed(manifest, grant)
  }

  /** Seconds that expired passes and grants count for now: none while they can be renewed. */
  get graceS(): number {
    const settling = this.#clock.monotonic() - this.#backMs < GRANT_SETTLE_S * 1000
    return this.#reachable === false || settling ? this.#init.graceSeconds : 0
  }

  /** Enters the swarm of a reference. Errors: those of the tracker, SignatureError when its record is not what was asked for. */
  async join(
    reference: Reference,
    options: CallOptions & { delegation?: string | undefined } = {},
  ): Promise<Joined> {
    const { self, addresses, enrolled } = this.#init
    await enrolled()
    const body = { reference: formatReference(reference), peer: self, addresses: addresses() }
    const { delegation, ...others } = options
    const answer = await this.watched(
      this.#client.join({ ...body, ...(delegation === undefined ? {} : { delegation }) }, others),
    )
    const record = await this.record(answer.record)
    checkAnswer(answer, record, reference)
    this.#meet(answer.peers)
    return {
      manifest: answer.manifest,
      record,
      recordToken: answer.record,
      grant: answer.grant,
      peers: answer.peers,
      ...(answer.rack && { rack: answer.rack }),
      ...(answer.profile && { profile: answer.profile }),
    }
  }

  /** Keeps a connection to the tracker open, so that no machine waits for a handshake. Errors: those of the tracker. */
  async stayNear(options: CallOptions = {}): Promise<void> {
    await this.watched(this.#client.reach(options))
  }

  /** Tells what is held, learns of peers; fresh grants go to `renewed`. */
  async announce(body: AnnounceBody, options: CallOptions = {}): Promise<AnnounceAnswer> {
    const answer = await this.watched(this.#client.announce(body, options))
    for (const { manifest, grant, peers } of answer.swarms) {
      if (grant !== undefined) this.#init.renewed(manifest, grant)
      if (peers !== undefined) this.#meet(peers)
    }
    return answer
  }

  /** `announce` in this node's name. */
  async announceAll(swarms: AnnouncedSwarm[], options: CallOptions = {}): Promise<AnnounceAnswer> {
    return await this.announce({ ...this.self(), swarms }, options)
  }

  /** Who this node is, and where. */
  self(): { peer: PeerKey; addresses: string[] } {
    return { peer: this.#init.self, addresses: this.#init.addresses() }
  }

  /** Whether the tracker has called a peer its own. */
  isOrigin(peer: PeerKey): boolean {
    return this.#origins.has(peer)
  }

  #meet(peers: readonly PeerAddress[]): void {
    for (const { peer, origin } of peers) if (origin === true) this.#origins.add(peer)
    this.#init.met(peers)
  }

  async leave(body: LeaveBody, options: CallOptions = {}): Promise<void> {
    await this.watched(this.#client.leave(body, options))
  }

  /** Tells the tracker that this node takes part in nothing any more. */
  async leaveAll(options: CallOptions = {}): Promise<void> {
    await this.leave({ peer: this.#init.self }, options)
  }

  /** Other images with blocks of a manifest, and peers that have them. Errors: those of the tracker. */
  async related(
    manifest: ManifestId,
    options: CallOptions & { delegation?: string | undefined } = {},
  ): Promise<RelatedAnswer> {
    const { delegation, ...others } = options
    const shown = delegation === undefined ? {} : { delegation }
    const body = { manifest, peer: this.#init.self, ...shown }
    const answer = await this.watched(this.#client.related(body, others))
    for (const { peers } of answer.related) this.#meet(peers)
    return answer
  }

  /** The statement of a record that the tracker signed. Errors: SignatureError, CertificateError. */
  async record(token: string): Promise<ImageRecord> {
    return parseRecord(await this.#claims(token, RECORD_TYPE))
  }

  /** The statement of a boot profile that the tracker signed. Errors: as `record`, InvalidError. */
  async profile(token: string): Promise<BootProfileStatement> {
    return parseBootProfile(await this.#claims(token, BOOT_PROFILE_TYPE))
  }

  /** The claims of a pass that the tracker signed, whoever shows it. Errors: as `grant`. */
  async pass(token: string): Promise<Pass> {
    return parsePass(await this.#claims(token, PASS_TYPE))
  }

  /** The claims of a grant that the tracker signed, whoever shows it. Errors: as `record`, GrantError. */
  async grant(token: string): Promise<Grant> {
    return parseGrant(await this.#claims(token, GRANT_TYPE))
  }

  async #claims(token: string, typ: string): Promise<Record<string, unknown>> {
    const init = { trust: this.#trust, typ, nowMs: this.#clock.now(), host: this.#init.name }
    return (await verifyJws(token, init)).claims
  }

  /** Waits for an answer of the tracker and remembers whether there was one. Errors: those of the request. */
  async watched<T>(request: Promise<T>): Promise<T> {
    try {
      const answer = await request
      this.#setReachable(true)
      return answer
    } catch (error) {
      // A request that this node gave up says nothing of the tracker.
      if (!(error instanceof AbortedError)) this.#setReachable(isAnswer(error))
      throw error
    }
  }

  #setReachable(reachable: boolean): void {
    if (reachable && this.#reachable === false) this.#backMs = this.#clock.monotonic()
    this.#reachable = reachable
    this.#isLate = false
  }
}

/** Whether a tracker that works has said this. Whoever cannot prove to be the tracker has said nothing. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof BootswarmError)) return true
  if (error instanceof CertificateError && error.cause !== undefined) return false
  return httpStatusOf(error) < 500
}

/** The record must be about what was asked: a tracker's cache or a middleman must not swap images. */
function checkAnswer(answer: JoinAnswer, record: ImageRecord, reference: Reference): void {
  const wanted =
    record.namespace === reference.namespace &&
    record.name === reference.name &&
    record.manifest === answer.manifest &&
    (reference.version === undefined || reference.version === record.version) &&
    (reference.manifest === undefined || reference.manifest === record.manifest)
  if (!wanted) throw new SignatureError(`the signed record is not about ${formatReference(reference)}`)
}
