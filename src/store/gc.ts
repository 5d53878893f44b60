import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type Digest, digestKey } from '../core/cid.ts'
import { AbortedError, NotFoundError } from '../core/errors.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import { decodeManifest } from '../core/manifest.ts'
import { decodeSegment } from '../core/segment.ts'
import { DigestSet } from './digest-set.ts'

/** Blocks marked at a time: at most 64 MB of marks. Larger stores are collected in several passes, each for a part of the digests. */
const MARKS_MAX = 2_000_000
/** Digests deleted, and segments read, at a time. */
const BATCH = 256

/** A store that can tell sizes without reading is asked for them; of another, blocks are read to count bytes. */
export type CollectedStore = BlockStore & {
  sizes?(digests: readonly Digest[], options?: CallOptions): Promise<number[]>
}

export interface GcComponents {
  readonly blocks: CollectedStore
  /** May be the same store. */
  readonly nodes: CollectedStore
  /** Digests of the manifests to keep, with everything that they name. */
  readonly roots: Iterable<Digest>
  /**
   * Lease: a block or node is kept while it says so, whatever the manifests say. Asked in the same turn of the event loop that deletes.
   * Whatever is put during a collection and named by no root needs one.
   */
  keep?(digest: Digest): boolean
}

export interface GcOptions extends CallOptions {
  /** Deletes nothing; the report says what would go. */
  dryRun?: boolean
  /** Roots and segments may be missing, because they are still being fetched. Otherwise a missing one stops the collection before anything is deleted. */
  partial?: boolean
  /** Blocks of the store that are marked in one pass, about; bounds the memory to 32 bytes for each. */
  marksMax?: number
}

export interface GcReport {
  /** Blocks deleted, and their stored bytes. */
  blocks: number
  bytes: number
  /** Manifest and segment nodes deleted, and their stored bytes. */
  nodes: number
  nodeBytes: number
  /** Blocks and nodes that stay. */
  kept: number
  /** Nodes named by a root that were not there (`partial`). */
  missing: number
}

interface Pass {
  readonly index: number
  readonly count: number
}

/**
 * Deletes what no manifest among the roots names. A failing store or a malformed node stops it: what cannot be read may name blocks.
 * Errors: NotFoundError (see `partial`), ManifestError, IntegrityError, those of the stores, AbortedError.
 */
export async function collectGarbage(components: GcComponents, options: GcOptions = {}): Promise<GcReport> {
  const { blocks, nodes } = components
  const roots = [...components.roots]
  const report: GcReport = { blocks: 0, bytes: 0, nodes: 0, nodeBytes: 0, kept: 0, missing: 0 }
  const count = Math.max(1, Math.ceil((await blocks.stat()).blocks / (options.marksMax ?? MARKS_MAX)))
  for (let index = 0; index < count; index++) {
    const pass = { index, count }
    const { marks, missing } = await mark(nodes, { roots, pass }, options)
    report.missing = missing
    const swept = await sweep(blocks, { ...components, marks, pass }, options)
    report.blocks += swept.deleted
    report.bytes += swept.bytes
    report.kept += swept.kept
    if (nodes === blocks) continue
    const sweptNodes = await sweep(nodes, { ...components, marks, pass }, options)
    report.nodes += sweptNodes.deleted
    report.nodeBytes += sweptNodes.bytes
    report.kept += sweptNodes.kept
  }
  return report
}

const isIn = ({ index, count }: Pass, digest: Digest) =>
  count === 1 || Math.floor(((((digest[0] ?? 0) << 8) | (digest[1] ?? 0)) * count) / 0x1_0000) === index

interface Marks {
  readonly marks: DigestSet
  missing: number
}

async function mark(
  nodes: BlockStore,
  what: { roots: readonly Digest[]; pass: Pass },
  options: GcOptions,
): Promise<Marks> {
  const { roots, pass } = what
  const result: Marks = { marks: new DigestSet(), missing: 0 }
  const segments = new DigestSet()
  const markOne = (digest: Digest) => {
    if (isIn(pass, digest)) result.marks.add(digest)
  }
  for (const root of roots) {
    markOne(root)
    for (const node of await readNodes(nodes, { digests: [root], result }, options)) {
      const links = decodeManifest(node).segments.map(({ digest }) => digest)
      const unread = links.filter((digest) => segments.add(digest))
      for (const digest of unread) markOne(digest)
      for (let at = 0; at < unread.length; at += BATCH) {
        const digests = unread.slice(at, at + BATCH)
        for (const segment of await readNodes(nodes, { digests, result }, options)) {
          for (const digest of decodeSegment(segment).digests) markOne(digest)
        }
      }
    }
  }
  return result
}

/** Those of the nodes that are there; counts the others. */
async function readNodes(
  nodes: BlockStore,
  { digests, result }: { digests: readonly Digest[]; result: Marks },
  options: GcOptions,
): Promise<Uint8Array[]> {
  stopIfAborted(options)
  const found: Uint8Array[] = []
  for (const [i, frame] of (await nodes.get(digests, signalOf(options))).entries()) {
    if (frame !== undefined) {
      found.push(decodeFrame(frame))
      continue
    }
    const digest = digests[i]
    if (options.partial !== true) {
      const data = digest === undefined ? {} : { digest: digestKey(digest) }
      throw new NotFoundError('a manifest or segment is missing; nothing is deleted', { data })
    }
    result.missing++
  }
  return found
}

interface Sweep {
  readonly marks: DigestSet
  readonly pass: Pass
  keep?(digest: Digest): boolean
}

async function sweep(store: CollectedStore, { marks, pass, keep }: Sweep, options: GcOptions) {
  const swept = { deleted: 0, bytes: 0, kept: 0 }
  const isGarbage = (digest: Digest) => !marks.has(digest) && keep?.(digest) !== true
  let batch: Digest[] = []
  for await (const digest of store.list(signalOf(options))) {
    if (!isIn(pass, digest)) continue
    if (isGarbage(digest)) batch.push(digest)
    else swept.kept++
    if (batch.length === BATCH) await flush()
  }
  await flush()
  return swept

  async function flush(): Promise<void> {
    stopIfAborted(options)
    const sizes = await sizesOf(store, batch, options)
    const garbage: Digest[] = []
    for (const [i, digest] of batch.entries()) {
      if (!isGarbage(digest)) continue
      garbage.push(digest)
      swept.bytes += sizes[i] ?? 0
    }
    swept.deleted += garbage.length
    swept.kept += batch.length - garbage.length
    batch = []
    if (options.dryRun !== true) await store.delete(garbage)
  }
}

async function sizesOf(
  store: CollectedStore,
  digests: readonly Digest[],
  options: GcOptions,
): Promise<number[]> {
  if (store.sizes !== undefined) return await store.sizes(digests, signalOf(options))
  const frames = await store.get(digests, signalOf(options))
  return frames.map((frame) => frame?.bytes.length ?? 0)
}

const signalOf = ({ signal }: GcOptions): CallOptions => (signal === undefined ? {} : { signal })

function stopIfAborted({ signal }: GcOptions): void {
  if (signal?.aborted) throw new AbortedError('stopped', { cause: signal.reason })
}
