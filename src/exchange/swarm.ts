import { Bitmap } from '../core/bitmap.ts'
import { type Digest, type DigestKey, digestKey, type ManifestId, parseManifestId } from '../core/cid.ts'
import type { Manifest } from '../core/manifest.ts'
import { RunMap } from './run-map.ts'
import type { Superseed } from './superseed.ts'

export interface HaveListener {
  /** Runs have become complete here. */
  held(runs: readonly number[]): void
  /** Of these runs some parts are here (bit k: part k). */
  partly(parts: ReadonlyMap<number, number>): void
}

/** Called with a run that is not complete here any more. */
export type DropListener = (run: number) => void

/** What this peer holds of one manifest, and who wants to hear of more. */
export class Swarm {
  readonly id: ManifestId
  readonly manifest: Manifest
  readonly map: RunMap
  readonly have: Bitmap
  /** Present at an origin. */
  readonly superseed: Superseed | undefined
  /** Set while this peer gives nothing of it to others: it has lost its own right to it. */
  withheld = false
  readonly #partly = new Map<number, number>()
  readonly #listeners = new Set<HaveListener>()
  readonly #dropListeners = new Set<DropListener>()
  #nodes: Set<DigestKey> | undefined

  constructor(init: { id: ManifestId; manifest: Manifest; have?: Bitmap; superseed?: Superseed }) {
    this.id = init.id
    this.manifest = init.manifest
    this.map = new RunMap(init.manifest)
    this.have = init.have ?? new Bitmap(this.map.runs)
    this.superseed = init.superseed
  }

  get complete(): boolean {
    return this.have.isFull
  }

  /** Whether a node is the manifest or one of its segments. */
  hasNode(digest: Digest): boolean {
    this.#nodes ??= new Set(
      [parseManifestId(this.id), ...this.manifest.segments.map((link) => link.digest)].map(digestKey),
    )
    return this.#nodes.has(digestKey(digest))
  }

  /** Parts that are here of runs that are not complete (bit k: part k); only images of few runs have any. */
  get partly(): ReadonlyMap<number, number> {
    return this.#partly
  }

  /** Notes parts of runs that are not complete, and tells the listeners. */
  holdParts(parts: ReadonlyMap<number, number>): void {
    const fresh = new Map([...parts].filter(([run]) => !this.have.has(run)))
    for (const [run, mask] of fresh) this.#partly.set(run, mask)
    if (fresh.size > 0) for (const listener of this.#listeners) listener.partly(fresh)
  }

  /** Marks runs as held and tells the listeners of those that are new. */
  hold(runs: readonly number[]): void {
    const fresh = runs.filter((run) => this.have.set(run))
    for (const run of fresh) this.#partly.delete(run)
    if (fresh.length > 0) for (const listener of this.#listeners) listener.held(fresh)
  }

  /** A run turned out to be incomplete (blocks were lost or are corrupt): it is not served any more; a session fetches it again. */
  drop(run: number): void {
    this.#partly.delete(run)
    if (this.have.clear(run)) for (const listener of this.#dropListeners) listener(run)
  }

  /** Returns how to stop listening. */
  listen(listener: HaveListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** As `listen`, for runs that are dropped. */
  listenDrops(listener: DropListener): () => void {
    this.#dropListeners.add(listener)
    return () => this.#dropListeners.delete(listener)
  }
}
