import { createCipheriv, createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

const PIECE_BYTES = 64 * 1024 ** 2

/** Writes bytes that do not compress, the same for the same seed. `sizeBytes` is a multiple of 64 MiB. */
export async function writeRandomFile(
  path: string,
  init: { sizeBytes: number; seed: number },
): Promise<void> {
  const key = createHash('sha256').update(String(init.seed)).digest().subarray(0, 16)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(PIECE_BYTES)
  const file = await open(path, 'w')
  try {
    for (let at = 0; at < init.sizeBytes; at += PIECE_BYTES) await file.write(cipher.update(zeros))
  } finally {
    await file.close()
  }
}
