import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { DIGEST_BYTES, type Digest, digestOfCid, nodeCid } from './cid.ts'
import { ManifestError } from './errors.ts'
import { IMAGE_BYTES_MAX, MANIFEST_BYTES_MAX, SEGMENT_BLOCKS_MAX, SEGMENTS_MAX } from './limits.ts'
import { decodeNode } from './segment.ts'

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
  const node = decodeNode(bytes, MANIFEST_BYTES_MAX)
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
  return { size, sha256: sha256 ?? undefined, chunker: decodeChunker(chunker), segments: links }
}

function isSize(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

function decodeLink(link: unknown): SegmentLink {
  if (!Array.isArray(link) || link.length !== 3) throw new ManifestError('manifest has a malformed segment')
  const cid = CID.asCID(link[0])
  const [, size, runs] = link
  if (cid === null || cid.code !== dagCbor.code) throw new ManifestError('manifest has a segment without CID')
  if (!isSize(size, 1, IMAGE_BYTES_MAX) || !isSize(runs, 0, SEGMENT_BLOCKS_MAX)) {
    throw new ManifestError('manifest has a segment of impossible size')
  }
  try {
    return { digest: digestOfCid(cid), size, runs }
  } catch (cause) {
    throw new ManifestError('manifest has a segment with a foreign CID', { cause })
  }
}

function decodeChunker(chunker: unknown): ChunkerParameters {
  if (typeof chunker !== 'object' || chunker === null) throw new ManifestError('manifest names no chunker')
  const { name, ...parameters } = chunker as Record<string, unknown>
  if (typeof name !== 'string' || name.length > 32) throw new ManifestError('manifest names no chunker')
  const entries = Object.entries(parameters)
  if (entries.length > 16 || entries.some(([, value]) => !Number.isSafeInteger(value))) {
    throw new ManifestError('manifest has malformed chunker parameters')
  }
  return { name, parameters: parameters as Record<string, number> }
}
