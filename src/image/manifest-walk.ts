import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type ManifestId, parseManifestId } from '../core/cid.ts'
import { NotFoundError } from '../core/errors.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import { decodeManifest, decodeSegmentOf, type Manifest, type SegmentLink } from '../core/manifest.ts'
import type { Segment } from '../core/segment.ts'
import { parallelMap } from './parallel-map.ts'

/** Segment nodes fetched at once, and how many such fetches are under way. */
const FETCH_SEGMENTS = 8
const FETCHES_MAX = 2

/** A segment and its place in the image. */
export interface PlacedSegment {
  /** Its index in the manifest. */
  readonly index: number
  /** Offset in the image of its first byte. */
  readonly offset: number
  readonly link: SegmentLink
  readonly segment: Segment
}

export interface WalkInit {
  readonly manifest: Manifest
  /** Only segments that hold bytes from `start` up to, not including, `end`; all by default. */
  readonly start?: number
  readonly end?: number
}

type Nodes = Pick<BlockStore, 'get'>

/** Reads and checks a manifest. Errors: NotFoundError, IntegrityError, ManifestError, InvalidError, and what the store throws. */
export async function loadManifest(
  nodes: Nodes,
  id: ManifestId,
  options: CallOptions = {},
): Promise<Manifest> {
  const [frame] = await nodes.get([parseManifestId(id)], options)
  if (frame === undefined) throw new NotFoundError(`the manifest ${id} is not here`)
  return decodeManifest(decodeFrame(frame))
}

/**
 * The segments of a manifest with their places, in order; each checked against its digest, size and runs. A few are fetched
 * ahead. Errors: NotFoundError when a segment node is missing, IntegrityError, ManifestError, and what the store throws.
 */
export async function* walkManifest(
  nodes: Nodes,
  init: WalkInit,
  options: CallOptions = {},
): AsyncGenerator<PlacedSegment> {
  const fetch = parallelMap(FETCHES_MAX, (group: readonly PlacedLink[]) => fetchGroup(nodes, group, options))
  for await (const group of fetch(groupsOf(init))) yield* group
}

type PlacedLink = Omit<PlacedSegment, 'segment'>

async function* groupsOf({
  manifest,
  start = 0,
  end = manifest.size,
}: WalkInit): AsyncGenerator<PlacedLink[]> {
  let group: PlacedLink[] = []
  let offset = 0
  for (const [index, link] of manifest.segments.entries()) {
    if (offset < end && offset + link.size > start) group.push({ index, offset, link })
    if (group.length === FETCH_SEGMENTS) {
      yield group
      group = []
    }
    offset += link.size
  }
  if (group.length > 0) yield group
}

async function fetchGroup(
  nodes: Nodes,
  group: readonly PlacedLink[],
  options: CallOptions,
): Promise<PlacedSegment[]> {
  const frames = await nodes.get(
    group.map(({ link }) => link.digest),
    options,
  )
  return group.map((placed, i) => {
    const frame = frames[i]
    if (frame === undefined) {
      throw new NotFoundError(`segment ${placed.index} of the manifest is not here`, {
        data: { segment: placed.index },
      })
    }
    return { ...placed, segment: decodeSegmentOf(placed.link, decodeFrame(frame)) }
  })
}
