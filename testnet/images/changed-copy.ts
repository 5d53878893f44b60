import { constants, copyFile, open } from 'node:fs/promises'
import { PAGE_BYTES } from '../../src/core/limits.ts'
import { fillCompressible, seededRandom } from './random.ts'

/** Share of the image that `changedCopy` overwrites, about. */
const CHANGED_SHARE = 0.04
const EXTENT_PAGES_MAX = 128

/**
 * Copies an image of unknown content and overwrites about 4 % of it: extents of 4 KiB to 512 KiB at page boundaries, spread
 * evenly, where there was data before. What a file system's user would have changed cannot be guessed; this needs no knowledge of it.
 */
export async function changedCopy(init: {
  source: string
  target: string
  seed: number
}): Promise<{ changedBytes: number }> {
  await copyFile(init.source, init.target, constants.COPYFILE_FICLONE)
  const random = seededRandom(init.seed)
  const file = await open(init.target, 'r+')
  let changedBytes = 0
  try {
    const { size } = await file.stat()
    const step = (EXTENT_PAGES_MAX * PAGE_BYTES) / 2 / CHANGED_SHARE
    const fresh = Buffer.alloc(EXTENT_PAGES_MAX * PAGE_BYTES)
    fillCompressible(fresh, random)
    const probe = Buffer.alloc(PAGE_BYTES)
    for (let at = 0; at + step <= size || at === 0; at += step) {
      const from = Math.floor((at + random() * step * 0.5) / PAGE_BYTES) * PAGE_BYTES
      const pages = 1 + Math.floor(random() * EXTENT_PAGES_MAX)
      await file.read(probe, 0, PAGE_BYTES, from)
      if (probe.every((byte) => byte === 0)) continue
      fresh.writeDoubleLE(random(), 0)
      const length = Math.min(pages * PAGE_BYTES, size - from)
      for (let page = 0; page < length; page += PAGE_BYTES) fresh.writeDoubleLE(random(), page)
      if (length > 0) changedBytes += (await file.write(fresh, 0, length, from)).bytesWritten
    }
  } finally {
    await file.close()
  }
  return { changedBytes }
}
