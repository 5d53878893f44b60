import type { ImagePart } from './image-hasher.ts'
import type { OpenedPart } from './open-pieces.ts'

/** Opened parts as the digest of the whole image takes them: their bytes one after the other. */
export function wholePart(parts: readonly OpenedPart[]): ImagePart {
  const size = parts.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0)
  const joined = new Uint8Array(size)
  const places: number[] = []
  let end = 0
  for (const { bytes } of parts) {
    if (bytes === undefined) continue
    places.push(end)
    joined.set(bytes, end)
    end += bytes.length
  }
  return {
    bytes: joined,
    spans: parts.map(({ length, bytes }) => (bytes === undefined ? -length : length)),
    places,
  }
}
