import type { Admission } from '../core/admission.ts'
import type { Bitmap } from '../core/bitmap.ts'
import type { BlockSeeds } from '../core/block-seeds.ts'
import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import type { Carrier, Channel } from '../core/carrier.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { BusyError, GrantError, StateError } from '../core/errors.ts'
import type { FrameVerifier } from '../core/frame.ts'
import type { Grant } from '../core/grant.ts'
import type { Lifecycle } from '../core/lifecycle.ts'
import {
  EXCHANGE_MESSAGE_BYTES_MAX,
  PASS_ON_WAIT_MS,
  RUN_BUFFER_HALVINGS,
  RUN_BUFFERS_KEPT_MAX,
} from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { Manifest } from '../core/manifest.ts'
import type { Labels } from '../core/nearness.ts'
import type { Random } from '../core/random.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'
import type { TrafficClass } from '../core/traffic-class.ts'
import { BufferPool } from '../util/buffer-pool.ts'
import type { Have, HaveParts, Message } from '../wire/message-types.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import { DigestPlaces } from './digest-places.ts'
import type { ExchangeRates } from './exchange-config.ts'
import { within } from './leisure.ts'
import { Links } from './links.ts'
import { SegmentReader } from './segment-reader.ts'
import { type GrantVerifier, Server } from './server.ts'
import { Serving, type ServingStats } from './serving.ts'
import { Session } from './session.ts'
import type { SessionInit } from './session-components.ts'
import type { Solid } from './solid.ts'
import { Superseed } from './superseed.ts'
import { Swarm } from './swarm.ts'

export interface ExchangeComponents {
  carrier: Carrier
  blocks: BlockStore
  nodes: BlockStore
  verifier: FrameVerifier
  /** Local files that sessions look into before they fetch. */
  seeds?: BlockSeeds
  /** Without it every frame travels as it rests. */
  solid?: Solid
  clock: Clock
  log: Log
  random: Random
  admission: Admission
  verifyGrant: GrantVerifier
  /** Seconds that an expired grant still counts for; 0 while the tracker can be asked. */
  graceS(): number
  /**
   * Called when a peer with a valid grant asks for a manifest that is not served here: adds its swarm if it can be served. Without it
   * only what was added before is served.
   */
  wanted?(manifest: ManifestId): Promise<void>
  /** Called when blocks of a manifest were damaged that a peer asked for: they have left the store, and their run is not served any more. */
  damaged?(manifest: ManifestId): void
}

export interface ExchangeInit {
  /** An origin superseeds: it tells its peers which runs to want. */
  origin: boolean
  /** Program and version, told to peers. */
  agent: string
  /** Where this peer is: neighbours nearby are preferred. */
  labels?: Labels
  rates?: ExchangeRates
}

/** What is known of one connection, for `peers`. */
export interface PeerStat {
  readonly peer: PeerKey
  /** Name of the node, from its pass. */
  readonly node: string | undefined
  readonly inbound: boolean
  readonly manifests: readonly string[]
  readonly wireReceivedBytes: number
  readonly wireSentBytes: number
}

/** Serves the swarms of this peer to others and fetches manifests from them. Decides; the carrier talks. */
export class Exchange implements Lifecycle {
  readonly #components: ExchangeComponents
  readonly #init: ExchangeInit
  readonly #segments: SegmentReader
  readonly #digests: DigestPlaces
  readonly #buffers = new BufferPool({
    ...{ bytes: EXCHANGE_MESSAGE_BYTES_MAX, keepMax: RUN_BUFFERS_KEPT_MAX },
    halvings: RUN_BUFFER_HALVINGS,
  })
  readonly #swarms = new Map<ManifestId, Swarm>()
  readonly #sessions = new Map<ManifestId, Session>()
  readonly #links: Links
  readonly #serving: Serving
  readonly #dials = new Map<PeerKey, Promise<Connection>>()
  readonly #events: ConnectionEvents
  #wireSentBytes = 0
  #ignorePasses = () => {}

  constructor(components: ExchangeComponents, init: ExchangeInit) {
    this.#components = components
    this.#init = init
    this.#links = new Links({
      clock: components.clock,
      admits: ({ peer }) => components.admission.of(peer) !== undefined,
      fetches: (connection) => [...this.#sessions.values()].some((session) => session.uses(connection)),
    })
    this.#serving = new Serving(
      { clock: components.clock, links: this.#links },
      { origin: init.origin, rates: init.rates ?? {} },
    )
    this.#segments = new SegmentReader({ nodes: components.nodes })
    this.#digests = new DigestPlaces({ segments: this.#segments })
    this.#events = {
      asked: (connection, message) => this.#asked(connection, message),
      have: (connection, message) => this.#have(connection, message),
      closed: (connection) => this.#closed(connection),
    }
  }

  async start(): Promise<void> {
    const { carrier, admission } = this.#components
    this.#ignorePasses = admission.listen((own) => this.#passChanged(own))
    carrier.accept((channel) => this.#accept(channel))
    this.#links.start()
  }

  async stop(): Promise<void> {
    this.#components.carrier.accept((channel) => channel.abort(new BusyError('stopping')))
    this.#ignorePasses()
    await this.#links.stop()
    this.#serving.desk.stop()
  }

  get serving(): ServingStats {
    return this.#serving.stats
  }

  /** Wire bytes of frames sent since the start. */
  get wireSentBytes(): number {
    let bytes = this.#wireSentBytes
    for (const { connection } of this.#links.all) bytes += connection.wireSentBytes
    return bytes
  }

  peers(): PeerStat[] {
    return this.#links.all.map(({ connection, server }) => ({
      peer: connection.peer,
      node: this.#components.admission.of(connection.peer)?.node,
      inbound: connection.inbound,
      manifests: server.manifests,
      wireReceivedBytes: connection.wireReceivedBytes,
      wireSentBytes: connection.wireSentBytes,
    }))
  }

  /** Grants under which others are in swarms here. */
  grants(): Grant[] {
    return this.#links.all.flatMap(({ server }) => server.grants)
  }

  /** Serves nothing more under this grant. */
  endGrant(grant: Grant): void {
    for (const { server } of this.#links.all) server.end(grant)
  }

  /** Ends all channels with a peer. */
  dismiss(peer: PeerKey, reason: Error): void {
    for (const { connection } of this.#links.all) if (connection.peer === peer) connection.drop(reason)
  }

  swarm(id: ManifestId): Swarm | undefined {
    return this.#swarms.get(id)
  }

  /** Begins to serve what is held of a manifest. Returns the swarm there is when it is known already. */
  addSwarm(id: ManifestId, manifest: Manifest, have?: Bitmap): Swarm {
    const known = this.#swarms.get(id)
    if (known !== undefined) return known
    const swarm = new Swarm({
      id,
      manifest,
      ...(have === undefined ? {} : { have }),
      ...this.#superseed(manifest),
    })
    this.#swarms.set(id, swarm)
    return swarm
  }

  removeSwarm(id: ManifestId): void {
    this.#swarms.delete(id)
    this.#serving.removed(id)
    this.#digests.forget(id)
  }

  /** A session for a manifest; its `run` fetches. Errors: StateError when one is under way already. */
  openSession(init: Omit<SessionInit, 'class'> & { class?: TrafficClass }): Session {
    if (this.#sessions.has(init.manifest)) throw new StateError('a session for this manifest is under way')
    const { blocks, nodes, seeds, verifier, clock, log, random } = this.#components
    const session = new Session(
      {
        ...{ blocks, nodes, seeds, verifier, clock, log, random },
        segments: this.#segments,
        buffers: this.#buffers,
        rates: this.#serving.received,
        connect: (address, options) => this.connect(address, options),
        holds: (id) => this.#swarms.get(id)?.complete === true,
        swarmOf: (id, manifest) => this.addSwarm(id, manifest),
        self: this.#components.carrier.self,
        labels: this.#init.labels ?? {},
        labelsOf: (peer) => this.#components.admission.of(peer)?.labels,
      },
      { class: 'requested', ...init },
    )
    this.#sessions.set(init.manifest, session)
    return session
  }

  closeSession(session: Session): void {
    this.#sessions.delete(session.manifest)
  }

  /** A connection to the peer: the one there is, or a new one. Errors: those of the carrier, GrantError without a pass. */
  connect(address: PeerAddress, options?: CallOptions): Promise<Connection> {
    if (this.#components.admission.own() === undefined) return Promise.reject(withoutPass())
    const known = this.#links.take(address.peer)
    if (known !== undefined) return Promise.resolve(known)
    const dialling = this.#dials.get(address.peer)
    if (dialling !== undefined) return dialling
    const dial = this.#components.carrier
      .open(address, options)
      .then((channel) => this.#adopt(channel))
      .finally(() => this.#dials.delete(address.peer))
    this.#dials.set(address.peer, dial)
    return dial
  }

  #superseed(manifest: Manifest): { superseed?: Superseed } {
    if (!this.#init.origin) return {}
    const runs = manifest.segments.reduce((sum, link) => sum + link.runs, 0)
    return { superseed: new Superseed({ runs, random: this.#components.random }) }
  }

  /** Without a pass this peer is nobody: what it has open ends. */
  #passChanged(own: string | undefined): void {
    if (own === undefined) return this.#links.dropAll(withoutPass())
    for (const { connection } of this.#links.all) connection.renewPass(own)
  }

  #accept(channel: Channel): void {
    if (this.#components.admission.own() === undefined) channel.abort(withoutPass())
    else if (this.#links.makeRoom(channel.peer)) this.#adopt(channel)
    else channel.abort(new BusyError('too many channels'))
  }

  #adopt(channel: Channel): Connection {
    const { blocks, nodes, clock, log, solid, admission, verifyGrant, graceS } = this.#components
    const parts = { channel, clock, admission, solid }
    const connection = new Connection({ ...parts, events: this.#events, buffers: this.#buffers })
    const server = new Server(
      {
        ...{ blocks, nodes, clock, log, solid, admission, verifyGrant, graceS },
        segments: this.#segments,
        digests: this.#digests,
        desk: this.#serving.desk,
        origin: this.#serving.origin,
        places: this.#serving.places,
        swarm: (id) => this.#swarmOf(id),
        landing: (id, digests, guestOf) => {
          const landed = this.#sessions.get(id)?.landing(digests, guestOf)
          return landed && within({ clock }, landed, PASS_ON_WAIT_MS)
        },
        damaged: ({ id }) => this.#components.damaged?.(id),
        used: (by) => this.#links.used(by),
        left: (by) => this.#links.left(by),
        joined: (from, swarm) => this.#sessions.get(swarm.id)?.welcome(from),
      },
      connection,
    )
    this.#links.add(connection, server)
    connection.start(this.#init.agent)
    return connection
  }

  async #swarmOf(id: ManifestId): Promise<Swarm | undefined> {
    const known = this.#swarms.get(id) ?? (await this.#sessions.get(id)?.prepared())
    if (known !== undefined) return known
    await this.#components.wanted?.(id)
    return this.#swarms.get(id)
  }

  #asked(connection: Connection, message: Message): void {
    if (message.type === 'leave' && !message.byOpener) {
      for (const session of this.#sessions.values()) session.onDismissed(connection, message.id)
      return
    }
    this.#links.get(connection)?.server.asked(message)
  }

  #have(connection: Connection, message: Have | HaveParts): void {
    if (message.type === 'have' && message.byOpener) this.#links.get(connection)?.server.told(message)
    else for (const session of this.#sessions.values()) session.onHave(connection, message)
  }

  #closed(connection: Connection): void {
    const link = this.#links.get(connection)
    if (link === undefined) return
    this.#wireSentBytes += connection.wireSentBytes
    this.#links.delete(connection)
    link.server.close()
    if (this.#links.of(connection.peer).length === 0) this.#serving.desk.forget(connection.peer)
    for (const session of this.#sessions.values()) session.onClosed(connection)
  }
}

function withoutPass(): GrantError {
  return new GrantError('this peer has no pass')
}
