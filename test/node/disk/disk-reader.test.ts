import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pieces } from '../../../node/disk/nbd/export.ts'
import { openStoredDisk } from '../../../scripts/bench/stored-disk.ts'
import { lazyImage } from '../../fixtures/lazy-site.ts'
import { withScratch } from '../../fixtures/scratch.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { SteppingClock } from '../../fixtures/stepping-clock.ts'

const test = suite('reads of a disk in a pack store')
const { signal } = new AbortController()
const MiB = 1024 * 1024

/** An image whose second half compresses. */
async function mixedImage(): Promise<Buffer> {
  const { bytes } = await lazyImage(seededRandom(5), 4)
  const half = bytes.length >> 1
  for (let at = half; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) & 0x11
  return bytes
}

function joined(pieces: Pieces): Buffer {
  const all = Buffer.concat(
    pieces.map((piece) => ('zeros' in piece ? Buffer.alloc(piece.zeros) : Buffer.from(piece))),
  )
  pieces.release?.()
  return all
}

test('gives the bytes of the image wherever it is read, without a promise as soon as its segments are known', () =>
  withScratch(async (dir) => {
    const path = join(dir, 'disk.raw')
    const image = await mixedImage()
    await writeFile(path, image)
    const clock = new SteppingClock()
    const { disk, close } = await openStoredDisk({ dir: join(dir, 'store'), path, name: 'vm' }, { clock })
    try {
      joined(await disk.read(0, image.length, { signal }))
      const random = seededRandom(9)
      for (let i = 0; i < 400; i++) {
        const offset = Math.floor(random() * (image.length - MiB))
        const length = 1 + Math.floor(random() ** 4 * 900_000)
        // on a slow disk now and then
        clock.stepMs = i % 40 === 39 ? 10 : 0
        if (clock.stepMs === 0) clock.ms += 20_000
        const pieces = disk.read(offset, length, { signal })
        if (clock.stepMs === 0 && i % 40 > 0) assert.not(pieces instanceof Promise, `${i}`)
        assert.ok(joined(await pieces).equals(image.subarray(offset, offset + length)), `${offset}+${length}`)
      }
    } finally {
      await close()
    }
  }))

test('memory of an answer is its own until it is released', () =>
  withScratch(async (dir) => {
    const path = join(dir, 'disk.raw')
    const image = await mixedImage()
    await writeFile(path, image)
    const { disk, close } = await openStoredDisk(
      { dir: join(dir, 'store'), path, name: 'vm' },
      { clock: new SteppingClock() },
    )
    try {
      const random = seededRandom(2)
      for (let round = 0; round < 6; round++) {
        const reads = Array.from({ length: 40 }, () => ({
          offset: Math.floor(random() * (image.length - MiB)),
          length: 1 + Math.floor(random() ** 3 * 400_000),
        }))
        const answers = []
        for (const { offset, length } of reads) answers.push(await disk.read(offset, length, { signal }))
        for (const [i, { offset, length }] of reads.entries())
          assert.ok(joined(answers[i] ?? []).equals(image.subarray(offset, offset + length)))
      }
    } finally {
      await close()
    }
  }))

test.run()
