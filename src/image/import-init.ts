import type { BlockStore } from '../core/blockstore.ts'
import type { Log } from '../core/log.ts'
import type { ChunkerParameters, SegmentLink } from '../core/manifest.ts'
import type { ChunkerChoice } from './chunkers.ts'
import type { ImagePart } from './image-hasher.ts'
import type { ImageSource } from './image-source.ts'
import type { ImageWorkers } from './image-workers.ts'
import type { ImportProgress } from './import-progress.ts'

export interface ImportComponents {
  /** A store, or an open upload at the tracker. */
  readonly sink: Pick<BlockStore, 'has' | 'put'>
  readonly log?: Log
  /** Threads that live longer; by default those of this import only. */
  readonly workers?: ImageWorkers
}

/** What an import that goes on has behind it: segments that are in the sink, the last of them not cut short. */
export interface ImportedBefore {
  readonly segments: readonly SegmentLink[]
  /** Their bytes, for the digest of the whole. */
  readonly parts: AsyncIterable<ImagePart>
}

export interface ImportInit {
  /** Read once and then closed. */
  readonly source: ImageSource
  /** How to cut; `auto`, the default, looks at the head of the image. */
  readonly chunker?: ChunkerChoice
  /** The source goes on behind it. `chunker` is then the one that cut it. */
  readonly before?: ImportedBefore
  /** The sink is on this machine; `far`, the default, waits for round trips. */
  readonly sink?: 'near' | 'far'
  /** Hash all of the image, however many zeros it has: somebody wants to compare. */
  readonly mustHash?: boolean
  /**
   * Told of segments that are in the sink with their blocks, in order, as they come. When the source was cut short, the last of all
   * is not what it would have been.
   */
  readonly onSegments?: (segments: readonly SegmentLink[], chunker: ChunkerParameters) => Promise<void>
}

export interface ImportOptions {
  signal?: AbortSignal
  /** Called after each batch of some MiB and after each write. */
  onProgress?(progress: ImportProgress): void
}
