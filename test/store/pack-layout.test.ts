import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ENTRY_HEADER_BYTES, readHeader } from '../../src/store/pack-entry.ts'
import { entriesAt, PackLayout } from '../../src/store/pack-layout.ts'
import { frameOf } from '../fixtures/blocks.ts'

const test = suite('pack layout')

const KiB = 1024
/** More than one write holds, and sizes around the one from which frames are not copied. */
const frames = [
  1,
  4 * KiB,
  64 * KiB,
  64 * KiB + 1,
  200 * KiB,
  1024 * KiB,
  ...Array(40).fill(60 * KiB),
  3,
].map((length, i) => frameOf(3 * i, length))

test('gives header and bytes of each frame in order, whatever the writes are', () => {
  const layout = new PackLayout()
  for (const chosen of [frames, frames.toReversed(), frames.slice(0, 1)]) {
    const written = Buffer.concat(copies(layout, chosen))
    const { entries, end } = entriesAt(chosen, 16)
    assert.is(written.length, end - 16)
    entries.forEach(({ offset, digest, codec, length, stored }, i) => {
      const header = readHeader(written, offset - 16)
      assert.equal(header, { digest: new Uint8Array(digest), codec, length, stored })
      const at = offset - 16 + ENTRY_HEADER_BYTES
      assert.is(Buffer.compare(written.subarray(at, at + stored), chosen[i]?.bytes ?? new Uint8Array()), 0)
    })
  }
})

test('writes small frames in one piece', () => {
  const small = frames.filter(({ bytes }) => bytes.length < 5000)
  assert.equal(
    [...new PackLayout().writes(small)].map((pieces) => pieces.length),
    [1],
  )
})

/** The pieces of all writes, as they are when their turn comes. */
function copies(layout: PackLayout, chosen: typeof frames): Buffer[] {
  const pieces: Buffer[] = []
  for (const write of layout.writes(chosen)) pieces.push(...write.map((piece) => Buffer.from(piece)))
  return pieces
}

test.run()
