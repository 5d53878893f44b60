import { open } from 'node:fs/promises'
import { PAGE_BYTES } from '../../src/core/limits.ts'
import { fillCompressible, seededRandom } from '../../testnet/images/random.ts'

const POOL_PAGES = 4096
const WRITE_PAGES = 1024
/** One page in so many ends a "file": its tail is zero, as in a file system. Makes blocks of about 17 KiB. */
const FILE_PAGES = 5

/**
 * Writes an image without holes in which no page is like another and that compresses about 2 to 1, as system disks do.
 * The same seed writes the same bytes.
 */
export async function writeSyntheticDisk(
  path: string,
  init: { sizeBytes: number; seed: number },
): Promise<void> {
  const random = seededRandom(init.seed)
  const pool = Buffer.alloc(POOL_PAGES * PAGE_BYTES)
  fillCompressible(pool, random)
  const buffer = Buffer.alloc(WRITE_PAGES * PAGE_BYTES)
  const file = await open(path, 'w')
  try {
    for (let at = 0; at < init.sizeBytes; at += buffer.length) {
      for (let page = 0; page < WRITE_PAGES; page++) {
        const to = page * PAGE_BYTES
        const from = Math.floor(random() * POOL_PAGES) * PAGE_BYTES
        pool.copy(buffer, to, from, from + PAGE_BYTES)
        for (let stamp = 0; stamp < 4; stamp++) buffer.writeDoubleLE(random(), to + stamp * 1016)
        if (random() * FILE_PAGES < 1) buffer.fill(0, to + PAGE_BYTES - 64, to + PAGE_BYTES)
      }
      await file.write(buffer, 0, Math.min(buffer.length, init.sizeBytes - at), at)
    }
  } finally {
    await file.close()
  }
}
