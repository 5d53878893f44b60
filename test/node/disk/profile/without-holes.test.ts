import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../../../node/disk/disk.ts'
import { ALLOCATION, type Extent } from '../../../../node/disk/nbd/export.ts'
import { withoutHoles } from '../../../../node/disk/profile/without-holes.ts'
import type { ByteRange } from '../../../../node/disk/read-ahead.ts'
import { checkReads } from '../../../../src/core/boot-profile.ts'
import { BOOT_READS_MAX } from '../../../../src/core/disk-limits.ts'

const test = suite('recordings without holes')

const PAGE = 4096
const MiB = 1024 * 1024

/** A disk of which every other page is a hole, from `from` on. */
function holedDisk({
  size,
  from,
}: {
  size: number
  from: number
}): Pick<Disk, 'extents' | 'size' | 'closing'> {
  const extents = async (
    _context: string,
    { offset, length, extentsMax }: ByteRange & { extentsMax: number },
  ) => {
    const answer: Extent[] = []
    for (let at = offset; at < offset + length && answer.length < extentsMax; ) {
      const part = Math.min(offset + length - at, at < from ? from - at : PAGE - (at % PAGE))
      answer.push({ length: part, flags: at >= from && (at / PAGE) % 2 >= 1 ? ALLOCATION.hole : 0 })
      at += part
    }
    return answer
  }
  return { extents, size, closing: new AbortController().signal } as Pick<
    Disk,
    'extents' | 'size' | 'closing'
  >
}

test('leaves holes out, and what lies on both sides of one stays apart', async () => {
  const disk = holedDisk({ size: 2 * MiB, from: MiB })
  assert.equal(
    await withoutHoles(disk, [
      [0, 8192, 1],
      [MiB - PAGE, 4 * PAGE, 5],
    ]),
    [
      [0, 8192, 1],
      [MiB - PAGE, 2 * PAGE, 5],
      [MiB + 2 * PAGE, PAGE, 5],
    ],
  )
})

test('keeps the first reads, no more than a recording may have, however many holes divide them', async () => {
  const size = 4 * BOOT_READS_MAX * PAGE
  const disk = holedDisk({ size, from: MiB })
  const reads = await withoutHoles(disk, [
    [0, size / 2 + MiB, 0],
    [size / 2 + MiB, size / 2 - MiB, 7],
  ])
  assert.is(reads.length, BOOT_READS_MAX)
  assert.equal(reads[0], [0, MiB + PAGE, 0])
  checkReads(reads, { size })
})

test.run()
