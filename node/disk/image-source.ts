import type { CallOptions } from '../../src/core/blockstore.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Manifest } from '../../src/core/manifest.ts'
import type { Segment } from '../../src/core/segment.ts'
import type { TrafficClass } from '../../src/core/traffic-class.ts'

/** Some blocks of a run that are not in the store. */
export interface LackingBlocks {
  readonly run: number
  /** Indices in the run, ascending. */
  readonly indices: readonly number[]
}

export interface BringOptions extends CallOptions {
  /** `guest` while a virtual machine waits, `boot` for what it will read in a moment, `background` for what one may read some day. */
  readonly class: Extract<TrafficClass, 'guest' | 'boot' | 'background'>
}

export interface SegmentOptions extends CallOptions {
  /** Called when it is not here: whoever wants it waits for others from now on. */
  readonly waits?: (() => void) | undefined
}

/** One image, wherever its bytes are. */
export interface ImageSource {
  readonly id: ManifestId
  readonly manifest: Manifest
  /** Of a segment, fetched when it is not here. */
  segment(index: number, options?: SegmentOptions): Promise<Segment>
  /** Resolves when the blocks are in the store, verified, with the bytes of those that were fetched for it alone; waits while nobody has them. */
  bring(blocks: LackingBlocks, options: BringOptions): Promise<number>
  /** Does what the store may have no room for; waits while it has none. */
  patiently(work: () => Promise<void>, options: CallOptions): Promise<void>
  /** A run lacks blocks that it had: they were damaged, and are deleted. */
  lost(run: number): void
}
