import { type FileHandle, open } from 'node:fs/promises'

const READ_BYTES = 1024 * 1024

/** Where two files first differ, in bytes from the start; undefined when they are the same byte for byte. */
export async function firstDifference(left: string, right: string): Promise<number | undefined> {
  const files = await Promise.all([open(left), open(right)])
  const [a, b] = files
  const buffers = [Buffer.allocUnsafe(READ_BYTES), Buffer.allocUnsafe(READ_BYTES)] as const
  try {
    for (let at = 0; ; at += READ_BYTES) {
      const [m, n] = await Promise.all([fill(a, buffers[0], at), fill(b, buffers[1], at)])
      const difference = differenceOf(buffers[0].subarray(0, m), buffers[1].subarray(0, n))
      if (difference !== undefined) return at + difference
      if (m < READ_BYTES) return undefined
    }
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
}

async function fill(file: FileHandle, buffer: Buffer, at: number): Promise<number> {
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, at + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return length
}

function differenceOf(a: Buffer, b: Buffer): number | undefined {
  if (a.equals(b)) return undefined
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) if (a[i] !== b[i]) return i
  return shorter
}
