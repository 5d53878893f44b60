import type { BlockSeeds } from '../core/block-seeds.ts'
import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import type { FrameVerifier } from '../core/frame.ts'
import type { Log } from '../core/log.ts'
import type { Manifest } from '../core/manifest.ts'
import type { Labels } from '../core/nearness.ts'
import type { Random } from '../core/random.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'
import type { TrafficClass } from '../core/traffic-class.ts'
import type { BufferPool } from '../util/buffer-pool.ts'
import type { Connection } from './connection.ts'
import type { RateLimit } from './policy/rate-limit.ts'
import type { SegmentReader } from './segment-reader.ts'
import type { Swarm } from './swarm.ts'

export interface SessionComponents {
  blocks: BlockStore
  nodes: BlockStore
  /** Looked into before anything is fetched. */
  seeds?: BlockSeeds | undefined
  segments: SegmentReader
  verifier: FrameVerifier
  buffers: BufferPool
  /** What may be received. */
  rates: RateLimit
  clock: Clock
  log: Log
  random: Random
  connect(address: PeerAddress, options?: CallOptions): Promise<Connection>
  /** Key and labels of this peer, and the labels of others by their passes. */
  self: PeerKey
  labels: Labels
  labelsOf(peer: PeerKey): Labels | undefined
  /** Whether this peer has the whole of another manifest. */
  holds(id: ManifestId): boolean
  /** Registers what this peer holds of the manifest, so that it serves others from the first run on. */
  swarmOf(id: ManifestId, manifest: Manifest): Swarm
}

export interface SessionInit {
  readonly manifest: ManifestId
  readonly grant: string
  /** What its bytes are wanted for. */
  readonly class: TrafficClass
  /** Fetches by itself nothing but the manifest and segments, until it is to fill. */
  readonly onDemand?: boolean
}
