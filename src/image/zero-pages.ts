import { PAGE_BYTES } from '../core/limits.ts'

const PAGE_WORDS = PAGE_BYTES / 4

/** The bytes as 32-bit words, for the tests below. `bytes.byteOffset` must be a multiple of 4; odd bytes at the end are left out. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4))
}

/** Whether the last 32 bytes of the page at word `at` are zero. */
export function endsInZeros(words: Int32Array, at: number): boolean {
  const i = at + PAGE_WORDS - 8
  return (
    ((words[i] as number) |
      (words[i + 1] as number) |
      (words[i + 2] as number) |
      (words[i + 3] as number) |
      (words[i + 4] as number) |
      (words[i + 5] as number) |
      (words[i + 6] as number) |
      (words[i + 7] as number)) ===
    0
  )
}

/** Whether the whole page at word `at` is zero. */
export function isZeroPage(words: Int32Array, at: number): boolean {
  for (let i = at; i < at + PAGE_WORDS; i += 8) {
    const any =
      (words[i] as number) |
      (words[i + 1] as number) |
      (words[i + 2] as number) |
      (words[i + 3] as number) |
      (words[i + 4] as number) |
      (words[i + 5] as number) |
      (words[i + 6] as number) |
      (words[i + 7] as number)
    if (any !== 0) return false
  }
  return true
}

/** Whether a range of any length is zero: for the partial page at the end of an image. */
export function isZeroRange(bytes: Uint8Array, range: { start: number; end: number }): boolean {
  for (let i = range.start; i < range.end; i++) if (bytes[i] !== 0) return false
  return true
}
