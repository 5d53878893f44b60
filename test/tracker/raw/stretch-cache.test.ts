import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../../src/core/cid.ts'
import { IntegrityError } from '../../../src/core/errors.ts'
import { StretchCache } from '../../../tracker/raw/stretch-cache.ts'
import { failureOf } from '../../fixtures/failure.ts'

const test = suite('stretch cache')

/** A stretch whose bytes are all `byte`. */
function stretch(byte: number) {
  const digests = digestOf(Buffer.from([byte]))
  return { size: 100, blocks: { digests, lengths: Uint32Array.of(100), places: Uint32Array.of(byte) } }
}

function cacheOf(keepMax: number) {
  const opened: number[] = []
  const cache = new StretchCache(
    {
      blocks: {
        async openInto({ places }, target) {
          await Promise.resolve()
          const [place = 0] = places
          opened.push(place)
          if (place === 13) throw new IntegrityError('block does not match its digest')
          target.fill(place)
        },
      },
    },
    { keepMax },
  )
  return { cache, opened }
}

test('opens a stretch once for all who hold it, and for those who come soon after', async () => {
  const { cache, opened } = cacheOf(2)
  const [a, b] = await Promise.all([cache.hold('a', stretch(1)), cache.hold('a', stretch(1))])
  a.release()
  b.release()
  const c = await cache.hold('a', stretch(1))
  assert.equal(opened, [1])
  assert.ok(c.bytes.length === 100 && c.bytes.every((byte) => byte === 1))
  c.release()
})

test('never gives memory that is held to another stretch', async () => {
  const { cache } = cacheOf(2)
  const held = await Promise.all([1, 2, 3, 4].map((byte) => cache.hold(`${byte}`, stretch(byte))))
  held[0]?.release()
  held[0]?.release()
  const fifth = await cache.hold('5', stretch(5))
  for (const [i, { bytes }] of held.entries()) if (i > 0) assert.ok(bytes.every((byte) => byte === i + 1))
  assert.ok(fifth.bytes.every((byte) => byte === 5))
})

test('keeps no more than it may when many were held', async () => {
  const { cache, opened } = cacheOf(3)
  const held = await Promise.all([1, 2, 3, 4, 5, 6].map((byte) => cache.hold(`${byte}`, stretch(byte))))
  for (const one of held) one.release()
  assert.is(cache.pieces, 3)
  for (let round = 0; round < 20; round++) {
    const two = [await cache.hold('x', stretch(7)), await cache.hold(`y${round}`, stretch(8))]
    for (const one of two) one.release()
  }
  assert.is(cache.pieces, 3)
  assert.is(opened.filter((byte) => byte === 7).length, 1)
})

test('what could not be opened fails for all who wait, and is tried again by the next', async () => {
  const { cache, opened } = cacheOf(2)
  const both = [cache.hold('bad', stretch(13)), cache.hold('bad', stretch(13))].map(failureOf)
  assert.equal(
    (await Promise.all(both)).map(({ code }) => code),
    ['E_INTEGRITY', 'E_INTEGRITY'],
  )
  await failureOf(cache.hold('bad', stretch(13)))
  assert.equal(opened, [13, 13])
  assert.is(cache.pieces, 0)
})

test.run()
