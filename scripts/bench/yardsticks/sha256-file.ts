import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

const READ_BYTES = 1024 * 1024

/** Reads a file and hashes it on one core, nothing else: what any tool that looks at every byte must take. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path)
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}
