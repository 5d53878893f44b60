import { constants, zstdCompressSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RUN_BYTES_MAX } from '../../src/core/limits.ts'
import { openSolid, packSolid } from '../../src/core/solid.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('solid frames')
const TEXT = Buffer.alloc(300_000, 'blocks that lie side by side have much in common. ')

test('gives back what was packed, whatever came before', () => {
  for (const bytes of [TEXT, Buffer.alloc(1, 'a'), Buffer.alloc(RUN_BYTES_MAX, 'a run'), TEXT]) {
    const frame = packSolid(bytes)
    const opened = openSolid(frame, bytes.length)
    if (frame.length < bytes.length) assert.is(Buffer.compare(opened ?? Buffer.alloc(0), bytes), 0)
    else assert.is(opened, undefined)
  }
})

test('reads the frame of the specification', () => {
  const frame = Buffer.from('28b52ffd6000105d000020616263640100f970ef88', 'hex')
  const content = openSolid(frame, 4352)
  assert.is(Buffer.compare(content ?? Buffer.alloc(0), Buffer.alloc(4352, 'abcd')), 0)
})

test('refuses another length than it was told', () => {
  const frame = packSolid(TEXT)
  for (const bytes of [0, 1, TEXT.length - 1, TEXT.length + 1, -1, 0.5, Number.NaN, RUN_BYTES_MAX + 1])
    assert.is(openSolid(frame, bytes), undefined)
})

test('refuses bombs, windows past a run, several frames, pieces of frames and no frames', () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * RUN_BYTES_MAX))
  assert.is(openSolid(bomb, RUN_BYTES_MAX), undefined)
  const wide = zstdCompressSync(Buffer.alloc(2 * RUN_BYTES_MAX, 'x'), {
    params: { [constants.ZSTD_c_windowLog]: 21, [constants.ZSTD_c_contentSizeFlag]: 0 },
  })
  assert.is(openSolid(wide, RUN_BYTES_MAX), undefined)
  const frame = packSolid(TEXT)
  assert.is(openSolid(Buffer.concat([frame, frame]), TEXT.length), undefined)
  assert.is(openSolid(Buffer.concat([frame, Buffer.alloc(1)]), TEXT.length), undefined)
  assert.is(openSolid(frame.subarray(0, -1), TEXT.length), undefined)
  assert.is(openSolid(Buffer.alloc(0), TEXT.length), undefined)
  assert.is(openSolid(noise('solid', 5000), TEXT.length), undefined)
  assert.ok(openSolid(frame, TEXT.length))
})

test.run()
