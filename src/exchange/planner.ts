import type { BlockStore } from '../core/blockstore.ts'
import {
  type Digest,
  type DigestKey,
  digestKey,
  digestOf,
  type ManifestId,
  parseManifestId,
} from '../core/cid.ts'
import { IntegrityError, NotFoundError } from '../core/errors.ts'
import { CODEC_RAW } from '../core/frame.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import { SEGMENT_FETCHES_MAX } from '../core/limits.ts'
import { decodeManifest, type Manifest, type SegmentLink } from '../core/manifest.ts'
import { decodeSegment, type Segment } from '../core/segment.ts'
import { partsOfBlocks } from './run-fetch.ts'
import type { RunMap } from './run-map.ts'
import { checkSegment, type RunBlocks, type SegmentReader } from './segment-reader.ts'

/** Fetches a node from whichever peer has it; resolves only with bytes of that digest. */
export type NodeFetcher = (digest: Digest) => Promise<Uint8Array>

export interface PlannerComponents {
  blocks: BlockStore
  nodes: BlockStore
  segments: SegmentReader
  fetchNode: NodeFetcher
  /** Puts blocks that a seed has into the store; for each, in order, whether it is there now. */
  bring?: (digests: readonly Digest[]) => Promise<boolean[]>
}

/** What the plan found in one segment. */
export interface SegmentPlan {
  /** Runs that the store holds already. */
  readonly held: number[]
  /** Runs that lack blocks, and in which of their parts (bit k: part k). */
  readonly missing: { run: number; parts: number }[]
  readonly blocks: { total: number; local: number; seeded: number }
  readonly bytes: { image: number; local: number; seeded: number }
}

/** The node from the local store, or fetched and stored; nothing is stored that `decode` does not take. */
async function ensureNode<T>(
  components: PlannerComponents,
  digest: Digest,
  decode: (bytes: Uint8Array) => T,
): Promise<T> {
  const local = await localNode(components.nodes, digest)
  if (local !== undefined) return decode(local)
  const bytes = await components.fetchNode(digest)
  if (Buffer.compare(digestOf(bytes), digest) !== 0) throw new IntegrityError('node has another digest')
  const node = decode(bytes)
  await components.nodes.put([{ digest, codec: CODEC_RAW, length: bytes.length, bytes }])
  return node
}

/** A segment, from the store or fetched. Errors: ManifestError when the signed manifest names no such segment. */
export async function ensureSegment(components: PlannerComponents, link: SegmentLink): Promise<Segment> {
  const segment = await ensureNode(components, link.digest, (bytes) => segmentOf(link, bytes))
  components.segments.keep(link, segment)
  return segment
}

function segmentOf(link: SegmentLink, bytes: Uint8Array): Segment {
  const segment = decodeSegment(bytes)
  checkSegment(segment, link)
  return segment
}

/** The blocks of a run; its segment is fetched when it is not here. Errors: NotFoundError past the last run, ManifestError. */
export async function blocksOfRun(
  { planner, segments }: { planner: PlannerComponents; segments: SegmentReader },
  { map, manifest }: { map: RunMap; manifest: Manifest },
  run: number,
): Promise<RunBlocks> {
  const { segment, index } = map.locate(run)
  const link = manifest.segments[segment]
  if (link === undefined) throw new NotFoundError('no such segment')
  try {
    return await segments.run(link, index)
  } catch (error) {
    if (!(error instanceof NotFoundError || error instanceof IntegrityError)) throw error
    await ensureSegment(planner, link)
    return await segments.run(link, index)
  }
}

/** The node from the local store. A damaged one is forgotten, so that it can be fetched again. */
async function localNode(nodes: BlockStore, digest: Digest): Promise<Uint8Array | undefined> {
  try {
    const [frame] = await nodes.get([digest])
    return frame === undefined ? undefined : decodeFrame(frame)
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error
    await nodes.delete([digest])
    return undefined
  }
}

/** The manifest, from the store or the swarm. Errors: ManifestError when the signed manifest is malformed. */
export async function loadManifest(components: PlannerComponents, id: ManifestId): Promise<Manifest> {
  return await ensureNode(components, parseManifestId(id), decodeManifest)
}

/** Goes through the segments in order, fetching nodes ahead; yields what each of them needs. */
export async function* planSegments(
  components: PlannerComponents,
  manifest: Manifest,
  { map, partsPerRun }: { map: RunMap; partsPerRun: number },
): AsyncGenerator<SegmentPlan> {
  const ahead: Promise<unknown>[] = []
  const ensure = (link: SegmentLink) => ensureSegment(components, link)
  for (const [index, link] of manifest.segments.entries()) {
    while (ahead.length < SEGMENT_FETCHES_MAX && index + ahead.length < manifest.segments.length) {
      const next = ensure(manifest.segments[index + ahead.length] as SegmentLink)
      next.catch(() => {})
      ahead.push(next)
    }
    await ahead.shift()
    const first = map.firstOf(index)
    yield await planSegment(components, await components.segments.runs(link), { first, partsPerRun })
  }
}

async function planSegment(
  components: PlannerComponents,
  runs: readonly RunBlocks[],
  { first, partsPerRun }: { first: number; partsPerRun: number },
): Promise<SegmentPlan> {
  const digests = runs.flatMap((run) => run.digests)
  const held = await components.blocks.has(digests)
  const seeded = await bringMissing(components, digests, held)
  const plan: SegmentPlan = {
    held: [],
    missing: [],
    blocks: { total: 0, local: 0, seeded: 0 },
    bytes: { image: 0, local: 0, seeded: 0 },
  }
  let at = 0
  runs.forEach((run, i) => {
    const partOf = partsOfBlocks(run.lengths, partsPerRun)
    let parts = 0
    for (const [index, length] of run.lengths.entries()) {
      const source = held[at] === true ? 'local' : seeded[at] === true ? 'seeded' : undefined
      at++
      plan.blocks.total++
      plan.bytes.image += length
      if (source !== undefined) {
        plan.blocks[source]++
        plan.bytes[source] += length
      } else parts |= 1 << (partOf[index] ?? 0)
    }
    if (parts === 0) plan.held.push(first + i)
    else plan.missing.push({ run: first + i, parts })
  })
  return plan
}

/** For each digest, in order, whether a seed had what the store lacked. */
async function bringMissing(
  { bring }: PlannerComponents,
  digests: readonly Digest[],
  held: readonly boolean[],
): Promise<readonly boolean[]> {
  if (bring === undefined) return []
  const missing = new Map<DigestKey, Digest>()
  digests.forEach((digest, i) => {
    if (held[i] !== true) missing.set(digestKey(digest), digest)
  })
  if (missing.size === 0) return []
  const brought = await bring([...missing.values()])
  const here = new Set([...missing.keys()].filter((_, i) => brought[i] === true))
  return digests.map((digest) => here.has(digestKey(digest)))
}
