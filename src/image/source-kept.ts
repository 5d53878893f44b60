import type { CallOptions } from '../core/blockstore.ts'
import { PAGE_BYTES } from '../core/limits.ts'
import type { SegmentLink } from '../core/manifest.ts'
import { type ImageComponents, openedParts } from './export.ts'
import type { ImagePart } from './image-hasher.ts'
import type { ImageSource, SourceStep } from './image-source.ts'
import type { OpenedPart } from './open-pieces.ts'
import { wholePart } from './whole-part.ts'

/** The bytes of segments that an import has put, as the digest of the whole takes them. Errors: those of `readImage`. */
export async function* keptParts(
  components: ImageComponents,
  segments: readonly SegmentLink[],
  options: CallOptions = {},
): AsyncGenerator<ImagePart> {
  for await (const parts of openedParts(components, wholeOf(segments), options)) yield wholePart(parts)
}

/**
 * Source that gives a segment once more, which was cut short because no more of the image was there, and goes on with what came
 * since. The segment begins at a page of the image or holds no zeros.
 */
export class KeptSource implements ImageSource {
  readonly name: string
  readonly size = undefined
  readonly #after: ImageSource
  readonly #parts: AsyncGenerator<OpenedPart[]>
  #waiting: OpenedPart[] = []
  #isOver = false

  constructor(components: ImageComponents, init: { segment: SegmentLink; after: ImageSource }) {
    this.name = init.after.name
    this.#after = init.after
    this.#parts = openedParts(components, wholeOf([init.segment]), {})
  }

  async next(target: Uint8Array, options: CallOptions = {}): Promise<SourceStep> {
    const part = await this.#part()
    if (part === undefined) return await this.#after.next(target, options)
    const { length, bytes, offset } = part
    if (bytes !== undefined) return this.#give(part, bytes.subarray(0, target.length), target)
    const pages = length - (length % PAGE_BYTES)
    if (pages === 0) return this.#give(part, new Uint8Array(Math.min(length, target.length)), target)
    // A hole ends with a page: what is behind it may be part of one that is no zeros.
    this.#waiting[0] = { offset: offset + pages, length: length - pages, bytes: undefined }
    return { kind: 'hole', bytes: pages }
  }

  async close(): Promise<void> {
    await this.#parts.return(undefined)
    await this.#after.close()
  }

  /** What comes next of the segment; undefined behind its end. */
  async #part(): Promise<OpenedPart | undefined> {
    for (;;) {
      const [part] = this.#waiting
      if (part !== undefined && part.length > 0) return part
      if (part !== undefined) this.#waiting.shift()
      else if (this.#isOver) return undefined
      else {
        const next = await this.#parts.next()
        if (next.done === true) this.#isOver = true
        else this.#waiting = [...next.value]
      }
    }
  }

  #give({ offset, length, bytes }: OpenedPart, given: Uint8Array, target: Uint8Array): SourceStep {
    target.set(given)
    const rest = { offset: offset + given.length, length: length - given.length }
    this.#waiting[0] = { ...rest, bytes: bytes?.subarray(given.length) }
    return { kind: 'data', bytes: given.length }
  }
}

/** Segments as an image of their own. */
function wholeOf(segments: readonly SegmentLink[]) {
  const end = segments.reduce((sum, { size }) => sum + size, 0)
  const manifest = { size: end, sha256: undefined, chunker: { name: 'none', parameters: {} }, segments }
  return { manifest, start: 0, end }
}
