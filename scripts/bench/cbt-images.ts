import { createCipheriv, hash } from 'node:crypto'
import { open } from 'node:fs/promises'

/** What is the same or not: a few blocks, because each unit ends as files do, in zeros, and a block ends there. */
export const UNIT_BYTES = 64 * 1024
const TAIL_BYTES = 32

export interface CbtImageInit {
  readonly path: string
  readonly sizeBytes: number
  readonly seed: number
  /** Share of units that are in no other image, spread evenly. */
  readonly different: number
  /** Of this image: what makes its own units its own. */
  readonly name: string
}

/** An image of bytes that do not compress, of which exactly a share is different from the image with no such share. */
export async function makeCbtImage(init: CbtImageInit): Promise<void> {
  const { path, sizeBytes, seed, different, name } = init
  const file = await open(path, 'w')
  try {
    for (let unit = 0; unit < Math.floor(sizeBytes / UNIT_BYTES); unit++) {
      const own = Math.floor((unit + 1) * different) > Math.floor(unit * different)
      await file.write(unitBytes(`${seed}/${own ? name : ''}/${unit}`))
    }
  } finally {
    await file.close()
  }
}

function unitBytes(seed: string): Uint8Array {
  const key = hash('sha256', seed, 'buffer')
  const stream = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16))
  return stream.update(Buffer.alloc(UNIT_BYTES)).fill(0, UNIT_BYTES - TAIL_BYTES)
}
