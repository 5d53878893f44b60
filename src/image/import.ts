import { type Digest, type ManifestId, manifestIdOf } from '../core/cid.ts'
import { silentLog } from '../core/log.ts'
import type { ChunkerParameters, Manifest, SegmentLink } from '../core/manifest.ts'
import type { ImportComponents, ImportInit, ImportOptions } from './import-init.ts'
import type { ImportProgress } from './import-progress.ts'
import { runImport } from './import-run.ts'
import { WholeDigest } from './whole-digest.ts'

export interface ImportedPart {
  /** All segments, those from before included. */
  readonly segments: readonly SegmentLink[]
  readonly chunker: ChunkerParameters
  /** The last progress: everything is counted. */
  readonly stats: ImportProgress
}

export interface ImportResult {
  readonly manifestId: ManifestId
  readonly manifest: Manifest
  /** Digest of the whole image: that of the manifest, or with `mustHash` even where the manifest has none. */
  readonly sha256: Digest | undefined
  /** The last progress: everything is counted. */
  readonly stats: ImportProgress
}

/**
 * Cuts an image into blocks and puts those that the sink lacks into it, the segments after their blocks, and the manifest
 * after all else. Memory is bounded, whatever the size of the image.
 *
 * Errors: ConflictError when the source changed meanwhile, LimitError when the image is too large, AbortedError, StorageError for
 * the source, and what the sink throws. What was put before an error stays, so a second import goes on where the first stopped.
 */
export async function importImage(
  components: ImportComponents,
  init: ImportInit,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const whole = new WholeDigest({ mustFinish: init.mustHash ?? false })
  const { writer, chunker, meter, sha256 } = await runImport(components, { ...init, whole }, options)
  const named = whole.isLeftOut ? undefined : sha256
  const { manifest, digest } = await writer.finish({ sha256: named, chunker })
  const { progress: stats } = meter
  const { log = silentLog } = components
  log.info({ image: init.source.name, chunker, ...stats }, 'imported an image')
  return { manifestId: manifestIdOf(digest), manifest, sha256, stats }
}

/**
 * Puts a part of an image: as importImage, without a manifest and without the digest of the whole. The last segment is cut short
 * where the image goes on.
 */
export async function importPart(
  components: ImportComponents,
  init: Omit<ImportInit, 'mustHash'>,
  options: ImportOptions = {},
): Promise<ImportedPart> {
  const { writer, chunker, meter } = await runImport(components, { ...init, whole: undefined }, options)
  return { segments: writer.segments, chunker, stats: meter.progress }
}
