import type { Writable } from 'node:stream'
import { pipe } from 'it-pipe'
import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import { IntegrityError, InvalidError, NotFoundError } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'
import { countMissing } from './count-missing.ts'
import { type ImagePiece, piecesOf } from './image-pieces.ts'
import type { ImageTarget } from './image-target.ts'
import { ImageWorkers } from './image-workers.ts'
import { loadManifest, walkManifest } from './manifest-walk.ts'
import { type FrameOpener, missingBlocks, type OpenedPart, openPiece } from './open-pieces.ts'
import { parallelMap } from './parallel-map.ts'
import { openTarget } from './target.ts'
import { WholeDigest } from './whole-digest.ts'
import { wholePart } from './whole-part.ts'

/** Pieces of 1 MiB that are fetched, inflated and verified at the same time. */
const PIECES_MAX = 4
/** Bytes of zeros that `readImage` yields at once. */
const ZEROS = new Uint8Array(256 * 1024)

export interface ImageComponents {
  readonly blocks: Pick<BlockStore, 'get' | 'has'>
  /** Holds manifests and segments. */
  readonly nodes: Pick<BlockStore, 'get'>
  /** Inflates and verifies: a FramePool that lives longer, for instance. By default threads for this call only. */
  readonly opener?: FrameOpener
}

export interface ExportInit {
  readonly manifest: ManifestId
  /** Path of a file (there or not), a block device, or `-` for standard output. */
  readonly target: string
  /** Check the digest of the whole image too, where the manifest has one; each block is checked in any case. */
  readonly wholeDigest?: boolean
  /** What `-` writes to; the standard output of the process by default. */
  readonly stdout?: Writable
}

/** In bytes. */
export interface ExportProgress {
  /** Bytes of the image that are written or passed over. */
  readonly doneBytes: number
  readonly totalBytes: number
  /** Bytes of blocks among them. */
  readonly blockBytes: number
}

export interface ExportOptions extends CallOptions {
  onProgress?(progress: ExportProgress): void
}

export interface ExportResult {
  readonly manifest: Manifest
  readonly stats: ExportProgress
}

/**
 * Writes an image, byte for byte. A regular file gets holes for zero spans, and its name when it is complete: until then it is
 * TARGET.partial, which an error removes.
 *
 * Errors: NotFoundError when nodes or blocks are missing (`data.missing`: how many blocks), IntegrityError, ManifestError, StorageFullError
 * when there is no room, StorageError, InvalidError for an impossible target, AbortedError.
 */
export async function exportImage(
  components: ImageComponents,
  init: ExportInit,
  options: ExportOptions = {},
): Promise<ExportResult> {
  const manifest = await loadManifest(components.nodes, init.manifest, options)
  const { stdout } = init
  const place = { path: init.target, size: manifest.size, ...(stdout === undefined ? {} : { stdout }) }
  const target = await openTarget(place)
  try {
    const stats = await copy({ ...components, target }, { ...init, manifest }, options)
    await target.finish()
    return { manifest, stats }
  } catch (error) {
    await target.abort()
    if (!(error instanceof NotFoundError) || error.data['missing'] === undefined) throw error
    throw missingBlocks(await countMissing(components, manifest, callOf(options)))
  }
}

async function copy(
  components: ImageComponents & { target: ImageTarget },
  init: { manifest: Manifest; wholeDigest?: boolean },
  options: ExportOptions,
): Promise<ExportProgress> {
  const { manifest } = init
  const whole = init.wholeDigest === true && manifest.sha256 !== undefined ? new WholeDigest() : undefined
  let stats: ExportProgress = { doneBytes: 0, totalBytes: manifest.size, blockBytes: 0 }
  try {
    for await (const parts of openedParts(components, { manifest, start: 0, end: manifest.size }, options)) {
      stats = advance(stats, parts)
      const last = stats.doneBytes === manifest.size
      await Promise.all([components.target.write(parts), whole?.update(wholePart(parts), last)])
      options.onProgress?.(stats)
    }
    const digest = await whole?.finish()
    if (digest !== undefined && Buffer.compare(digest, manifest.sha256 ?? digest) !== 0) {
      throw new IntegrityError(
        'the image is not the one that its manifest names: the digest of the whole is wrong',
      )
    }
    return stats
  } finally {
    await whole?.close()
  }
}

function advance(stats: ExportProgress, parts: readonly OpenedPart[]): ExportProgress {
  let { doneBytes, blockBytes } = stats
  for (const { length, bytes } of parts) {
    doneBytes += length
    if (bytes !== undefined) blockBytes += length
  }
  return { ...stats, doneBytes, blockBytes }
}

export interface ReadInit {
  readonly manifest: ManifestId
  /** First byte, 0 by default. */
  readonly start?: number
  /** One past the last byte, the size of the image by default. */
  readonly end?: number
}

/**
 * The bytes of a range of an image, each block verified, in pieces of up to 256 KiB that the caller must not change. Errors: InvalidError
 * when the range is not within the image, and those of `exportImage` that do not concern its target.
 */
export async function* readImage(
  components: ImageComponents,
  init: ReadInit,
  options: CallOptions = {},
): AsyncGenerator<Uint8Array> {
  const manifest = await loadManifest(components.nodes, init.manifest, options)
  const { start = 0, end = manifest.size } = init
  if (!(start >= 0 && start <= end && end <= manifest.size))
    throw new InvalidError('the range is not within the image')
  for await (const parts of openedParts(components, { manifest, start, end }, options)) {
    for (const { offset, length, bytes } of parts) {
      if (bytes !== undefined)
        yield bytes.subarray(Math.max(0, start - offset), Math.min(length, end - offset))
      else {
        for (let left = length; left > 0; left -= ZEROS.length) {
          yield left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left)
        }
      }
    }
  }
}

interface OpenRange {
  readonly manifest: Manifest
  readonly start: number
  readonly end: number
}

/** The blocks and zero spans of a range, opened, in order. Errors: those of `readImage`. */
export async function* openedParts(
  components: ImageComponents,
  range: OpenRange,
  options: CallOptions,
): AsyncGenerator<OpenedPart[]> {
  const { blocks, nodes } = components
  const call = callOf(options)
  await using workers = new ImageWorkers()
  const opener = components.opener ?? workers
  yield* pipe(
    piecesOf(walkManifest(nodes, range, call), range),
    parallelMap(PIECES_MAX, (piece: ImagePiece) => openPiece({ blocks, opener }, piece, call)),
  )
}

function callOf({ signal }: CallOptions): CallOptions {
  return signal === undefined ? {} : { signal }
}
