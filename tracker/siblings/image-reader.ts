import type { CallOptions } from '../../src/core/blockstore.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import { type Holders, nobody } from './holders.ts'
import type { ImageRange } from './image-range.ts'
import type { Relay } from './relay.ts'

export interface ReadOptions {
  readonly signal: AbortSignal
  /** False when another tracker asks: it wants what is here, and two that sent each other around would never end. */
  readonly relay: boolean
}

export interface ImageReaderComponents {
  readonly holders: Pick<Holders, 'of'>
  readonly relay: Pick<Relay, 'open'>
  /** Verified bytes from the own store, in pieces that stay as they are until the next is asked for. */
  readonly read: (
    range: { manifest: ManifestId; start: number; end: number },
    options: Required<CallOptions>,
  ) => AsyncIterable<Uint8Array>
}

/** The bytes of images: from here, or from a tracker that has them. */
export class ImageReader {
  readonly #c: ImageReaderComponents

  constructor(components: ImageReaderComponents) {
    this.#c = components
  }

  /**
   * Resolves when the bytes are within reach; reading throws when they break off. Errors: NotFoundError for another tracker,
   * UnreachableError, TimeoutError and BusyError when the trackers that have them do not give them.
   */
  async open(range: ImageRange, options: ReadOptions): Promise<AsyncIterable<Uint8Array>> {
    const { version, start, end } = range
    const { here, others } = await this.#c.holders.of(version.manifest)
    if (here) return this.#c.read({ manifest: version.manifest, start, end }, options)
    if (!options.relay) throw new NotFoundError('the blocks of this image are not at this tracker')
    if (others.length === 0) throw nobody()
    return await this.#c.relay.open(others, range, options)
  }
}
