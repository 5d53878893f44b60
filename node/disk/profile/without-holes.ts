import type { BootRead } from '../../../src/core/boot-profile.ts'
import { BOOT_READ_ALIGNMENT_BYTES, BOOT_READS_MAX } from '../../../src/core/disk-limits.ts'
import type { Disk } from '../disk.ts'
import { ALLOCATION } from '../nbd/export.ts'
import { ByteRanges } from './byte-ranges.ts'

/** Extents that are asked for at a time: a few runs of an image. */
const EXTENTS_MAX = 1024

/** The reads without the holes of the image, which cost nothing to fetch; each still aligned, no byte twice, and the first BOOT_READS_MAX of them: holes divide reads. Errors: those of the disk. */
export async function withoutHoles(
  disk: Pick<Disk, 'extents' | 'size' | 'closing'>,
  reads: readonly BootRead[],
): Promise<BootRead[]> {
  const kept: [number, number, number][] = []
  const seen = new ByteRanges()
  /** Whether there is room for more. */
  const keep = (start: number, end: number, ms: number): boolean => {
    const offset = start - (start % BOOT_READ_ALIGNMENT_BYTES)
    const pages = Math.ceil((end - offset) / BOOT_READ_ALIGNMENT_BYTES)
    const length = Math.min(disk.size - offset, pages * BOOT_READ_ALIGNMENT_BYTES)
    for (const fresh of seen.add({ offset, length })) {
      const last = kept.at(-1)
      if (last !== undefined && last[0] + last[1] === fresh.offset) last[1] += fresh.length
      else if (kept.length === BOOT_READS_MAX) return false
      else kept.push([fresh.offset, fresh.length, ms])
    }
    return true
  }
  for (const [offset, length, ms] of reads) {
    const end = offset + length
    for (let at = offset; at < end; ) {
      const range = { offset: at, length: end - at, extentsMax: EXTENTS_MAX }
      for (const extent of await disk.extents('allocation', range, { signal: disk.closing })) {
        const to = Math.min(end, at + extent.length)
        if ((extent.flags & ALLOCATION.hole) === 0 && !keep(at, to, ms)) return kept
        at = to
      }
    }
  }
  return kept
}
