import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { BlockStore, CallOptions } from '../../src/core/blockstore.ts'
import { type Digest, type DigestKey, digestKey } from '../../src/core/cid.ts'
import { ManifestError, StateError } from '../../src/core/errors.ts'
import { CODEC_RAW, type Frame } from '../../src/core/frame.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { decodeManifest, type Manifest, type SegmentLink } from '../../src/core/manifest.ts'
import { blockLengths, decodeSegment, runsOf, segmentSize } from '../../src/core/segment.ts'

export interface CommitStores {
  /** Where uploaded frames lie, blocks and nodes alike. */
  readonly blocks: BlockStore & {
    /** Uncompressed bytes of each block, undefined where the store does not hold it. */
    lengths(digests: readonly Digest[], options?: CallOptions): Promise<(number | undefined)[]>
  }
  /** Manifest and segment nodes of committed images. */
  readonly nodes: BlockStore
}

/** Segment nodes that are put at once: a few hundred KiB. */
const NODES_PER_PUT = 16

/**
 * Reads a manifest and all that it names, checks every statement in it against what is stored, and copies its nodes
 * to the nodes store. `contentBytes`: bytes of all its blocks, those that come again counted again. Lets others run between two segments. Errors: ManifestError when a node is malformed or
 * contradicts another, StateError when something was not put (data: `missing`, its digest).
 */
export async function checkAndKeepNodes(
  stores: CommitStores,
  manifestDigest: Digest,
  options: CallOptions = {},
): Promise<{ manifest: Manifest; contentBytes: number }> {
  const manifestNode = await readNode(stores, manifestDigest, 'the manifest')
  const manifest = decodeManifest(manifestNode.bytes)
  const seen = new Map<DigestKey, SegmentLink & { contentBytes: number }>()
  let contentBytes = 0
  let batch: Frame[] = []
  for (const link of manifest.segments) {
    options.signal?.throwIfAborted()
    const key = digestKey(link.digest)
    const same = seen.get(key)
    if (same !== undefined) {
      if (same.size !== link.size || same.runs !== link.runs)
        throw new ManifestError('the manifest gives one segment two sizes')
      contentBytes += same.contentBytes
      continue
    }
    const checked = await checkSegment(stores, link)
    seen.set(key, { ...link, contentBytes: checked.contentBytes })
    contentBytes += checked.contentBytes
    batch.push(checked.node)
    if (batch.length === NODES_PER_PUT) {
      await stores.nodes.put(batch, options)
      batch = []
    }
    await yieldToOthers()
  }
  await stores.nodes.put([...batch, manifestNode], options)
  return { manifest, contentBytes }
}

async function checkSegment(
  stores: CommitStores,
  link: SegmentLink,
): Promise<{ node: Frame; contentBytes: number }> {
  const node = await readNode(stores, link.digest, 'a segment node')
  const segment = decodeSegment(node.bytes)
  if (segmentSize(segment) !== link.size || runsOf(segment).length !== link.runs) {
    throw new ManifestError('a segment has not the size and runs that the manifest gives', {
      data: { segment: digestKey(link.digest) },
    })
  }
  const given = blockLengths(segment)
  const stored = await stores.blocks.lengths(segment.digests)
  segment.digests.forEach((digest, i) => {
    if (stored[i] === undefined) throw missing('a block', digest)
    if (stored[i] === given[i]) return
    throw new ManifestError('a segment gives a block another length than it has', {
      data: { block: digestKey(digest), given: given[i], stored: stored[i] },
    })
  })
  return { node, contentBytes: given.reduce((sum, length) => sum + length, 0) }
}

/** The node's bytes as a raw frame, hashed again on the way. */
async function readNode(stores: CommitStores, digest: Digest, what: string): Promise<Frame> {
  const [uploaded] = await stores.blocks.get([digest])
  const frame = uploaded ?? (await stores.nodes.get([digest]))[0]
  if (frame === undefined) throw missing(what, digest)
  const bytes = decodeFrame(frame)
  return { digest, codec: CODEC_RAW, length: bytes.length, bytes }
}

/** What a commit lacks. */
export function missing(what: string, digest: Digest): StateError {
  return new StateError(`${what} of the image was not uploaded`, { data: { missing: digestKey(digest) } })
}
