import type { ChunkerParameters, SegmentLink } from '../../src/core/manifest.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { StoredRawUpload } from '../catalog/raw-upload-catalog.ts'

/**
 * Writes down which segments of an upload are stored. The newest waits: it is cut short when it is the last, which only the end tells.
 */
export class KeptSegments {
  readonly #rawUploads: Catalog['rawUploads']
  readonly #upload: string
  readonly #whileItComes: boolean
  #place: number
  #waiting: SegmentLink[] = []
  #chunker: ChunkerParameters | undefined

  /** @param init `whileItComes`: write segments down as they come; else all at the end. */
  constructor(
    components: Pick<Catalog, 'rawUploads'>,
    init: { before: StoredRawUpload; whileItComes: boolean },
  ) {
    this.#rawUploads = components.rawUploads
    this.#upload = init.before.upload
    this.#place = init.before.segments.length
    this.#whileItComes = init.whileItComes
  }

  readonly add = async (segments: readonly SegmentLink[], chunker: ChunkerParameters): Promise<void> => {
    this.#chunker = chunker
    this.#waiting.push(...segments)
    if (this.#whileItComes) await this.#write(this.#waiting.splice(0, this.#waiting.length - 1), undefined)
  }

  /** There is no more for now: the last may be cut short. */
  async finish(): Promise<void> {
    const tail = this.#waiting.pop()
    await this.#write(this.#waiting.splice(0), tail)
  }

  async #write(segments: readonly SegmentLink[], tail: SegmentLink | undefined): Promise<void> {
    if (segments.length === 0 && tail === undefined) return
    await this.#rawUploads.keep(this.#upload, this.#place, { segments, tail, chunker: this.#chunker })
    this.#place += segments.length
  }
}
