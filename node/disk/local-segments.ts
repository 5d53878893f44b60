import type { BlockStore } from '../../src/core/blockstore.ts'
import { IntegrityError, NotFoundError } from '../../src/core/errors.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { decodeSegmentOf, type Manifest } from '../../src/core/manifest.ts'
import type { Segment } from '../../src/core/segment.ts'

/** The segments of one image that are in the store. */
export class LocalSegments {
  readonly #nodes: Pick<BlockStore, 'get' | 'has' | 'delete'>
  readonly #manifest: Manifest

  constructor(
    components: { nodes: Pick<BlockStore, 'get' | 'has' | 'delete'> },
    init: { manifest: Manifest },
  ) {
    this.#nodes = components.nodes
    this.#manifest = init.manifest
  }

  /** Undefined when it is not here, or damaged. Throws NotFoundError past the last one. */
  async segment(index: number): Promise<Segment | undefined> {
    const link = this.#manifest.segments[index]
    if (link === undefined) throw new NotFoundError('no such segment')
    try {
      const [frame] = await this.#nodes.get([link.digest])
      return frame && decodeSegmentOf(link, decodeFrame(frame))
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      await this.#nodes.delete([link.digest])
      return undefined
    }
  }

  /** Tells whoever wants to know that it is not here. Does not throw. */
  async whenAway(index: number, tell: (() => void) | undefined): Promise<void> {
    const link = this.#manifest.segments[index]
    if (link === undefined || tell === undefined) return
    const [isHere] = await this.#nodes.has([link.digest]).catch(() => [true])
    if (isHere !== true) tell()
  }
}
