import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { DIGEST_BYTES, type Digest, digestOf, digestOfCid, nodeCid } from './cid.ts'
import { decodeNode } from './dag-node.ts'
import { IntegrityError, ManifestError } from './errors.ts'
import {
  IMAGE_BYTES_MAX,
  MANIFEST_BYTES_MAX,
  RUNS_MAX,
  SEGMENT_BLOCKS_MAX,
  SEGMENT_NODE_BYTES_MAX,
  SEGMENTS_MAX,
} from './limits.ts'
import { decodeSegment, runsOf, type Segment, segmentSize } from './segment.ts'

/** Values in a manifest: five for each segment, and some for the rest. */
const MANIFEST_ITEMS_MAX = 5 * SEGMENTS_MAX + 64

export const MANIFEST_FORMAT = 'bootswarm/manifest/1'

/** Chunker and its parameters, as the manifest names them: integers only. */
export interface ChunkerParameters {
  readonly name: string
  readonly parameters: Readonly<Record<string, number>>
}

export interface SegmentLink {
  /** Digest of the segment node. */
  readonly digest: Digest
  /** Bytes of the image that the segment covers, zero spans included. */
  readonly size: number
  /** Runs in the segment: gives every run its index in the have bitmap before the segment node is there. */
  readonly runs: number
}

/** Root node of one image version (docs/specs/manifest-v1.md). */
export interface Manifest {
  /** Bytes of the image. */
  readonly size: number
  /** sha-256 of the whole image; undefined when it has more than IMAGE_DIGEST_ZERO_BYTES_MAX zero bytes in spans. */
  readonly sha256: Digest | undefined
  readonly chunker: ChunkerParameters
  readonly segments: readonly SegmentLink[]
}

/** Runs of all segments: the size of the have bitmap. */
export function runCount(manifest: Manifest): number {
  let runs = 0
  for (const segment of manifest.segments) runs += segment.runs
  return runs
}

/** dag-cbor of a manifest; its digest gives the manifest's CID. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return dagCbor.encode({
    format: MANIFEST_FORMAT,
    size: manifest.size,
    sha256: manifest.sha256 ?? null,
    chunker: { ...manifest.chunker.parameters, name: manifest.chunker.name },
    segments: manifest.segments.map((link) => [nodeCid(link.digest), link.size, link.runs]),
  })
}

/** Reads a manifest that may come from anybody. Throws ManifestError on anything but a valid manifest. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const node = decodeNode(bytes, { bytesMax: MANIFEST_BYTES_MAX, itemsMax: MANIFEST_ITEMS_MAX })
  const { format, size, sha256, chunker, segments, ...rest } = node
  if (format !== MANIFEST_FORMAT) throw new ManifestError('not a manifest of a known format')
  if (Object.keys(rest).length > 0) throw new ManifestError('manifest has unknown fields')
  if (!isSize(size, 0, IMAGE_BYTES_MAX)) throw new ManifestError('manifest has no valid size')
  if (sha256 !== null && !(sha256 instanceof Uint8Array && sha256.length === DIGEST_BYTES)) {
    throw new ManifestError('manifest has no valid sha256')
  }
  if (!Array.isArray(segments) || segments.length > SEGMENTS_MAX)
    throw new ManifestError('manifest has no valid segments')
  const links = segments.map(decodeLink)
  if (links.reduce((sum, link) => sum + link.size, 0) !== size) {
    throw new ManifestError('the sizes of the segments do not add up to the size of the image')
  }
  const manifest = { size, sha256: sha256 ?? undefined, chunker: decodeChunker(chunker), segments: links }
  const runs = runCount(manifest)
  if (runs <= RUNS_MAX) return manifest
  throw new ManifestError(`the image has ${runs} runs, more than the ${RUNS_MAX} that peers can exchange`, {
    data: { runs, limit: RUNS_MAX },
  })
}

/** Whether this is a manifest and no other block. */
export function isManifest(bytes: Uint8Array): boolean {
  if (bytes.length > MANIFEST_BYTES_MAX) return false
  try {
    decodeManifest(bytes)
    return true
  } catch (error) {
    if (error instanceof ManifestError) return false
    throw error
  }
}

/**
 * Reads the segment node that `link` names, from anybody. Throws IntegrityError when the bytes are not that node, ManifestError when
 * the node is no valid segment or not of the size and runs that the manifest says.
 */
export function decodeSegmentOf(link: SegmentLink, bytes: Uint8Array): Segment {
  if (bytes.length > SEGMENT_NODE_BYTES_MAX || Buffer.compare(digestOf(bytes), link.digest) !== 0) {
    throw new IntegrityError('segment node does not match its digest')
  }
  const segment = decodeSegment(bytes)
  if (segmentSize(segment) !== link.size || runsOf(segment).length !== link.runs) {
    throw new ManifestError('segment is not of the size that the manifest gives')
  }
  return segment
}

function isSize(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

function decodeLink(link: unknown): SegmentLink {
  if (!Array.isArray(link) || link.length !== 3) throw new ManifestError('manifest has a malformed segment')
  const [cid, size, runs] = link
  if (!(cid instanceof CID) || cid.code !== dagCbor.code) {
    throw new ManifestError('manifest has a segment without CID')
  }
  if (!isSize(size, 1, IMAGE_BYTES_MAX) || !isSize(runs, 0, SEGMENT_BLOCKS_MAX)) {
    throw new ManifestError('manifest has a segment of impossible size')
  }
  return { digest: decodeCid(cid), size, runs }
}

/** A CID has one form here; varints may be written in longer ones, which would give one manifest several names. */
function decodeCid(cid: CID): Digest {
  let digest: Digest
  try {
    digest = digestOfCid(cid)
  } catch (cause) {
    throw new ManifestError('manifest has a segment with a foreign CID', { cause })
  }
  if (Buffer.compare(nodeCid(digest).bytes, cid.bytes) !== 0) {
    throw new ManifestError('manifest has a segment whose CID is not in canonical form')
  }
  return digest
}

function decodeChunker(chunker: unknown): ChunkerParameters {
  if (typeof chunker !== 'object' || chunker === null || Array.isArray(chunker))
    throw new ManifestError('manifest names no chunker')
  const { name, ...parameters } = chunker as Record<string, unknown>
  if (typeof name !== 'string' || name.length > 32) throw new ManifestError('manifest names no chunker')
  const entries = Object.entries(parameters)
  if (entries.length > 16 || entries.some(([, value]) => !Number.isSafeInteger(value))) {
    throw new ManifestError('manifest has malformed chunker parameters')
  }
  return { name, parameters: parameters as Record<string, number> }
}
