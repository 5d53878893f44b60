import { join } from 'node:path'
import { Bitmap } from '../src/core/bitmap.ts'
import type { BlockStore } from '../src/core/blockstore.ts'
import { type ManifestId, parseManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import { CertificateError, NotFoundError } from '../src/core/errors.ts'
import type { FrameVerifier } from '../src/core/frame.ts'
import { decodeFrame } from '../src/core/frame-codec.ts'
import { GRANT_TYPE, type Grant, parseGrant } from '../src/core/grant.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import { ORIGIN_SWARMS_MAX } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import { decodeManifest, runCount } from '../src/core/manifest.ts'
import type { PeerAddress, PeerKey } from '../src/core/router.ts'
import { Exchange } from '../src/exchange/exchange.ts'
import type { Identity } from '../src/identity/identity-files.ts'
import { verifyJws } from '../src/identity/jws.ts'
import { loadOrCreatePeerKey } from '../src/identity/peer-key.ts'
import { createHost, type Libp2pHost } from '../src/p2p/libp2p-host.ts'
import { packageVersion } from '../src/util/package-version.ts'

export interface OriginComponents {
  readonly identity: Identity
  readonly blocks: BlockStore
  readonly nodes: BlockStore
  readonly verifier: FrameVerifier
  readonly clock: Clock
  readonly log: Log
}

export interface OriginInit {
  readonly dataDir: string
  /** Multiaddrs. */
  readonly listen: readonly string[]
  readonly announce: readonly string[]
}

/** The tracker's own peer: the first complete holder of every image, and where new nodes find into the DHT. */
export class Origin implements Lifecycle {
  readonly #components: OriginComponents
  readonly #host: Libp2pHost
  readonly #exchange: Exchange
  /** Manifests that are served, the longest unused first. */
  readonly #used = new Set<ManifestId>()

  private constructor(components: OriginComponents, host: Libp2pHost) {
    const { identity, clock, blocks, nodes, verifier, log } = components
    const name = nameOf(identity)
    this.#components = components
    this.#host = host
    this.#exchange = new Exchange(
      {
        ...{ carrier: host, blocks, nodes, verifier, clock, log, random: Math.random },
        verifyGrant: (token) => verifyGrant(token, { identity, clock, name }),
        graceS: () => 0,
        // Grants of other trackers, and those from before a start, are for manifests that nobody has asked for here.
        wanted: (manifest) => this.#serveIfHeld(manifest),
      },
      { origin: true, agent: `bootswarm-tracker/${packageVersion()}` },
    )
  }

  /** Errors: CertificateError when the tracker's certificate has no name. */
  static async open(components: OriginComponents, init: OriginInit): Promise<Origin> {
    const privateKey = await loadOrCreatePeerKey(join(init.dataDir, 'peer.key'))
    const { log, clock } = components
    const dht = { datastoreDir: join(init.dataDir, 'dht'), bootstrap: [] }
    const { listen, announce } = init
    const host = await createHost(
      { log, clock },
      { privateKey, listen: [...listen], announce: [...announce], dht },
    )
    return new Origin(components, host)
  }

  async start(): Promise<void> {
    await this.#host.start()
    await this.#exchange.start()
  }

  async stop(): Promise<void> {
    await this.#exchange.stop()
    await this.#host.stop()
  }

  get self(): PeerKey {
    return this.#host.self
  }

  address(): PeerAddress {
    return { peer: this.#host.self, addresses: this.#host.addresses(), origin: true }
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

/** Grants are signed in the name that the tracker's certificate carries. */
async function verifyGrant(
  token: string,
  init: { identity: Identity; clock: Clock; name: string },
): Promise<Grant> {
  const { identity, clock, name } = init
  const check = { trust: identity.trust, typ: GRANT_TYPE, nowMs: clock.now(), host: name }
  return parseGrant((await verifyJws(token, check)).claims)
}

function nameOf(identity: Identity): string {
  const text = identity.chain[0]?.subjectAltName ?? ''
  const name = /(?:DNS|IP Address):([^,\s"]+)/.exec(text)?.[1]
  if (name === undefined) {
    throw new CertificateError(
      'the certificate of the tracker has no DNS name or IP address: issue it with bootswarm ca issue tracker NAME --dns HOST',
    )
  }
  return name
}
