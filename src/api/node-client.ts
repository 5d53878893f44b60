import { Type } from '@sinclair/typebox'
import type { CallOptions } from '../core/blockstore.ts'
import { parseReference } from '../core/reference.ts'
import { DiskClient } from './disk-client.ts'
import { HoardClient } from './hoard-client.ts'
import { NodeCalls, type StreamOptions } from './node-calls.ts'
import { NODE_PATHS } from './node-paths.ts'
import {
  type ExportAnswer,
  type ExportProgress,
  GcAnswer,
  LocalImage,
  type NodeEnrolment,
  NodeEnrolment as NodeEnrolmentSchema,
  NodePeer,
  NodeStatus,
  type PullProgress,
  type PullResult,
  type VerifyAnswer,
  type VerifyProgress,
} from './node-schemas.ts'
import { Seed, type SeedAddProgress } from './seed-schemas.ts'

/**
 * The control API of the node on this machine, over its unix socket. Errors: those that the node reports,
 * UnreachableError when no node listens, NotAuthorisedError when the socket may not be used, AbortedError.
 */
export class NodeClient {
  readonly disks: DiskClient
  readonly hoard: HoardClient
  readonly #calls: NodeCalls

  constructor(init: { socket: string }) {
    this.#calls = new NodeCalls(init)
    this.disks = new DiskClient({ calls: this.#calls })
    this.hoard = new HoardClient({ calls: this.#calls })
  }

  close(): Promise<void> {
    return this.#calls.close()
  }

  status(options: CallOptions = {}): Promise<NodeStatus> {
    return this.#calls.json({ method: 'GET', path: NODE_PATHS.status, ...options }, NodeStatus)
  }

  /** Enrols this node at the tracker, again where it is enrolled. */
  enrol(options: CallOptions = {}): Promise<NodeEnrolment> {
    const schema = Type.Unsafe<NodeEnrolment>(NodeEnrolmentSchema)
    return this.#calls.json({ method: 'POST', path: NODE_PATHS.enrolment, ...options }, schema)
  }

  images(options: CallOptions = {}): Promise<LocalImage[]> {
    return this.#calls.json({ method: 'GET', path: NODE_PATHS.images, ...options }, Type.Array(LocalImage))
  }

  peers(options: CallOptions = {}): Promise<NodePeer[]> {
    return this.#calls.json({ method: 'GET', path: NODE_PATHS.peers, ...options }, Type.Array(NodePeer))
  }

  /** Fetches an image. It goes on in the node when `signal` ends this call; the same call joins it again. */
  pull(
    reference: string,
    options: StreamOptions<PullProgress> & { delegation?: string } = {},
  ): Promise<PullResult> {
    const { delegation, ...others } = options
    const json = { reference, ...(delegation === undefined ? {} : { delegation }) }
    return this.#calls.stream({ method: 'POST', path: NODE_PATHS.pulls, json }, others)
  }

  /** Writes an image that is complete here to a file; `path` lies in one of the node's export directories. */
  export(
    init: { reference: string; path: string },
    options: StreamOptions<ExportProgress> = {},
  ): Promise<ExportAnswer> {
    return this.#calls.stream({ method: 'POST', path: NODE_PATHS.exports, json: init }, options)
  }

  verify(options: StreamOptions<VerifyProgress> = {}): Promise<VerifyAnswer> {
    return this.#calls.stream({ method: 'POST', path: NODE_PATHS.verify, json: {} }, options)
  }

  /** Forgets an image here; its blocks go with the next garbage collection. */
  async remove(reference: string, options: CallOptions = {}): Promise<void> {
    const { namespace, name, tag, version } = parseReference(reference)
    const query = new URLSearchParams()
    if (tag !== undefined) query.set('tag', tag)
    if (version !== undefined) query.set('version', String(version))
    const path = `${NODE_PATHS.images}/${namespace}/${name}${query.size === 0 ? '' : `?${query}`}`
    await this.#calls.text({ method: 'DELETE', path, ...options })
  }

  seeds(options: CallOptions = {}): Promise<Seed[]> {
    return this.#calls.json({ method: 'GET', path: NODE_PATHS.seeds, ...options }, Type.Array(Seed))
  }

  /** Makes files of the node's machine seeds, by absolute paths; those that are seeds already are read again. */
  addSeeds(paths: readonly string[], options: StreamOptions<SeedAddProgress> = {}): Promise<Seed[]> {
    return this.#calls.stream({ method: 'POST', path: NODE_PATHS.seeds, json: { paths } }, options)
  }

  async removeSeeds(paths: readonly string[], options: CallOptions = {}): Promise<void> {
    await this.#calls.text({ method: 'DELETE', path: NODE_PATHS.seeds, json: { paths }, ...options })
  }

  gc(options: CallOptions & { dryRun?: boolean } = {}): Promise<GcAnswer> {
    const { dryRun = false, ...call } = options
    return this.#calls.json({ method: 'POST', path: NODE_PATHS.gc, json: { dryRun }, ...call }, GcAnswer)
  }
}
