/** Bytes of the head of an image that `isPacked` looks at. */
export const SNIFF_BYTES = 512

/** Magic numbers of streams without pages: what they hold has no place of its own in them. */
const MAGICS: readonly { at: number; bytes: readonly number[] }[] = [
  { at: 0, bytes: [0x1f, 0x8b] }, // gzip
  { at: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] }, // xz
  { at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd] }, // zstd
  { at: 0, bytes: [0x42, 0x5a, 0x68] }, // bzip2
  { at: 0, bytes: [0x50, 0x4b, 0x03, 0x04] }, // zip
  { at: 0, bytes: [0x04, 0x22, 0x4d, 0x18] }, // lz4
  { at: 0, bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] }, // 7z
  { at: 0, bytes: [0x4c, 0x5a, 0x49, 0x50] }, // lzip
  { at: 257, bytes: [0x75, 0x73, 0x74, 0x61, 0x72] }, // tar
]

/** Whether an image that begins with `head` is a compressed or archived stream. */
export function isPacked(head: Uint8Array): boolean {
  return MAGICS.some(({ at, bytes }) => bytes.every((byte, i) => head[at + i] === byte))
}
