import { join } from 'node:path'
import { Bitmap } from '../src/core/bitmap.ts'
import type { BlockStore } from '../src/core/blockstore.ts'
import { type ManifestId, parseManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import { GrantError, NotFoundError } from '../src/core/errors.ts'
import type { FrameVerifier, SolidPacker } from '../src/core/frame.ts'
import { decodeFrame } from '../src/core/frame-codec.ts'
import { GRANT_TYPE, type Grant, parseGrant } from '../src/core/grant.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import { ORIGIN_RECHECK_INTERVAL_MS, ORIGIN_RECHECK_PAUSE_MS, ORIGIN_SWARMS_MAX } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import { decodeManifest, runCount } from '../src/core/manifest.ts'
import { PASS_TYPE, type Pass, parsePass } from '../src/core/pass.ts'
import type { PeerAddress, PeerKey } from '../src/core/router.ts'
import { Exchange } from '../src/exchange/exchange.ts'
import type { ExchangeRates } from '../src/exchange/exchange-config.ts'
import type { ServingStats } from '../src/exchange/serving.ts'
import { Solid, type SolidMode } from '../src/exchange/solid.ts'
import type { Identity } from '../src/identity/identity-files.ts'
import { verifyJws } from '../src/identity/jws.ts'
import { PassBook } from '../src/identity/pass-book.ts'
import { loadOrCreatePeerKey } from '../src/identity/peer-key.ts'
import { createHost, type Libp2pHost } from '../src/p2p/libp2p-host.ts'
import { TlsCarrier } from '../src/p2p/tls-carrier.ts'
import { IdleShare } from '../src/util/idle-share.ts'
import { packageVersion } from '../src/util/package-version.ts'
import type { PassIssuer } from './grants/pass-issuer.ts'

export interface OriginComponents {
  readonly identity: Identity
  readonly blocks: BlockStore
  readonly nodes: BlockStore
  readonly verifier: FrameVerifier & SolidPacker
  readonly passes: PassIssuer
  /** Whether what a grant says still holds. */
  readonly stands: (grant: Grant) => Promise<boolean>
  readonly clock: Clock
  readonly log: Log
}

export interface OriginInit {
  readonly dataDir: string
  /** Multiaddrs. */
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  /** What the tracker signs in. */
  readonly name: string
  /** When the blocks of an answer are compressed together. */
  readonly solid: SolidMode
  readonly rates: ExchangeRates
}

interface OriginParts {
  readonly solid: Solid
  readonly name: string
  readonly book: PassBook
  readonly rates: ExchangeRates
  readonly host: Libp2pHost
}

/**
 * The tracker's own peer: the first complete holder of every image, and where new nodes find into the DHT. It stands beside
 * the catalog, so what is taken back ends here at once: grants are looked up again whenever something changes.
 */
export class Origin implements Lifecycle {
  readonly #components: OriginComponents
  readonly #name: string
  readonly #book: PassBook
  readonly #host: Libp2pHost
  readonly #carrier: TlsCarrier
  readonly #exchange: Exchange
  /** Manifests that are served, the longest unused first. */
  readonly #used = new Set<ManifestId>()
  #cancelRenewal = () => {}
  #cancelRecheck = () => {}
  /** When something last changed that rights depend on, as far as is known here. */
  #changedMs: number
  #changed = false
  #stopped = false

  private constructor(components: OriginComponents, parts: OriginParts) {
    const { clock, blocks, nodes, verifier, log, identity } = components
    const { name, book, host, solid, rates } = parts
    this.#components = components
    this.#changedMs = clock.now()
    this.#name = name
    this.#book = book
    this.#host = host
    const carrier = new TlsCarrier({ host, identity, admission: book, clock, log })
    this.#carrier = carrier
    this.#exchange = new Exchange(
      {
        ...{
          carrier,
          blocks,
          nodes,
          verifier,
          solid,
          clock,
          log,
          random: Math.random,
          admission: book,
        },
        verifyGrant: (token) => this.#verifyGrant(token),
        graceS: () => 0,
        // Grants of other trackers, and those from before a start, are for manifests that nobody has asked for here.
        wanted: (manifest) => this.#serveIfHeld(manifest),
      },
      { origin: true, rates, agent: `bootswarm-tracker/${packageVersion()}` },
    )
  }

  static async open(components: OriginComponents, init: OriginInit): Promise<Origin> {
    const privateKey = await loadOrCreatePeerKey(join(init.dataDir, 'peer.key'))
    const { log, clock, identity } = components
    const { name } = init
    const verify = async (token: string): Promise<Pass> => {
      const check = { trust: identity.trust, typ: PASS_TYPE, nowMs: clock.now(), host: name }
      return parsePass((await verifyJws(token, check)).claims)
    }
    const book = new PassBook({ clock, verify, graceS: () => 0 })
    const dht = { datastoreDir: join(init.dataDir, 'dht'), bootstrap: [] }
    const { listen, announce } = init
    const host = await createHost(
      { log, clock, admission: book },
      { privateKey, listen: [...listen], announce: [...announce], dht },
    )
    const idle = new IdleShare({ clock })
    const solid = new Solid({ packer: components.verifier, clock, idle }, { mode: init.solid })
    return new Origin(components, { name, book, host, solid, rates: init.rates })
  }

  async start(): Promise<void> {
    await this.#renewPass()
    await this.#host.start()
    await this.#carrier.start()
    await this.#exchange.start()
    this.#recheckAfter(ORIGIN_RECHECK_INTERVAL_MS)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelRenewal()
    this.#cancelRecheck()
    await this.#exchange.stop()
    await this.#carrier.stop()
    await this.#host.stop()
  }

  get self(): PeerKey {
    return this.#host.self
  }

  /** A peer that may not take part any more, whatever its pass says. */
  dismiss(peer: PeerKey): void {
    this.#book.dismiss(peer)
    this.#exchange.dismiss(peer, new GrantError('the pass of the peer was withdrawn'))
  }

  /** Something has changed that rights depend on: looks all grants up again that are in use here, soon. */
  rightsChanged(): void {
    this.#changedMs = this.#components.clock.now()
    if (this.#changed) return
    this.#changed = true
    this.#recheckAfter(ORIGIN_RECHECK_PAUSE_MS)
  }

  /** Passes that were refused since the start. */
  get refusedPasses(): number {
    return this.#book.refused
  }

  /** The tracker vouches for its own peer as it does for nodes. */
  async #renewPass(): Promise<void> {
    const { passes, identity, clock, log } = this.#components
    const use = { node: this.#name, sub: identity.principal.dn, peer: this.#host.self, labels: {} }
    try {
      const { token, renewAfterSeconds } = await passes.issue(use)
      if (this.#stopped) return
      this.#book.setOwn(token)
      this.#cancelRenewal = clock.after(renewAfterSeconds * 1000, () => void this.#renewPass())
    } catch (error) {
      log.error({ err: error }, 'the tracker could not sign a pass for its own peer')
      this.#cancelRenewal = clock.after(ORIGIN_RECHECK_PAUSE_MS, () => void this.#renewPass())
    }
  }

  /** Errors: those of verifyJws, GrantError. */
  async #verifyGrant(token: string): Promise<Grant> {
    const { identity, clock, stands } = this.#components
    const check = { trust: identity.trust, typ: GRANT_TYPE, nowMs: clock.now(), host: this.#name }
    const grant = parseGrant((await verifyJws(token, check)).claims)
    if (this.#isNews(grant) || (await stands(grant))) return grant
    throw new GrantError('what the grant says does not hold any more')
  }

  /** Given just now, and nothing has changed since: no need to look it up again at nine o'clock. */
  #isNews({ iat }: Grant): boolean {
    const issuedMs = iat * 1000
    return issuedMs > this.#changedMs && this.#components.clock.now() - issuedMs < ORIGIN_RECHECK_INTERVAL_MS
  }

  #recheckAfter(ms: number): void {
    this.#cancelRecheck()
    if (!this.#stopped) this.#cancelRecheck = this.#components.clock.after(ms, () => void this.#recheck())
  }

  async #recheck(): Promise<void> {
    const { stands, log } = this.#components
    this.#changed = false
    this.#recheckAfter(ORIGIN_RECHECK_INTERVAL_MS)
    try {
      for (const grant of this.#exchange.grants()) if (!(await stands(grant))) this.#exchange.endGrant(grant)
    } catch (error) {
      log.error({ err: error }, 'grants in use could not be looked up')
    }
  }

  address(): PeerAddress {
    return { peer: this.#host.self, addresses: this.#host.addresses(), origin: true }
  }

  /** What serving has come to since the start. */
  get serving(): ServingStats {
    return this.#exchange.serving
  }

  /** Wire bytes of frames sent to nodes since the start. */
  get sentBytes(): number {
    return this.#exchange.wireSentBytes
  }

  /** Makes sure that a manifest is served: called when a grant for it is given. Errors: NotFoundError, those of the store. */
  async serve(manifest: ManifestId): Promise<void> {
    const known = this.#used.delete(manifest)
    this.#used.add(manifest)
    if (known && this.#exchange.swarm(manifest) !== undefined) return
    const [frame] = await this.#components.nodes.get([parseManifestId(manifest)])
    if (frame === undefined) throw new NotFoundError(`the manifest ${manifest} is not here`)
    const decoded = decodeManifest(decodeFrame(frame))
    this.#exchange.addSwarm(manifest, decoded, Bitmap.full(runCount(decoded)))
    this.#evict()
  }

  /** Origins of other trackers, by which this one finds into their DHT. */
  introduce(peers: readonly PeerAddress[]): void {
    this.#host.introduce(peers)
  }

  async #serveIfHeld(manifest: ManifestId): Promise<void> {
    await this.serve(manifest).catch((error: unknown) => {
      if (!(error instanceof NotFoundError)) throw error
    })
  }

  /** Stops serving what is not among these: no image has it any more. */
  serveOnly(manifests: ReadonlySet<ManifestId>): void {
    for (const manifest of [...this.#used]) if (!manifests.has(manifest)) this.#forget(manifest)
  }

  #forget(manifest: ManifestId): void {
    this.#used.delete(manifest)
    this.#exchange.removeSwarm(manifest)
  }

  #evict(): void {
    for (const manifest of this.#used) {
      if (this.#used.size <= ORIGIN_SWARMS_MAX) return
      this.#forget(manifest)
    }
  }
}
