import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestKey, digestOf } from '../../src/core/cid.ts'
import type { Codec } from '../../src/core/frame.ts'
import { BLOCK_BYTES_MAX, PACK_BYTES_MAX } from '../../src/core/limits.ts'
import { KnownBlocks } from '../../src/store/known-blocks.ts'
import type { Location } from '../../src/store/pack-entry.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'

const test = suite('known blocks')

const digest = digestOf(Buffer.from('a block'))
const location = { pack: 7, offset: 52, codec: 1 as const, length: 5000, stored: 3000 }

test('knows what it was told, and what was found out of it', () => {
  const known = new KnownBlocks()
  assert.is(known.find(digest, 0), undefined)
  known.add(digest, location)
  assert.equal(known.find(digest, 0), { ...location, crc: undefined })
  known.checked(digest, 0xfedc_ba98)
  assert.equal(known.find(digest, 0), { ...location, crc: 0xfedc_ba98 })
  assert.is(known.find(digestOf(digest), 0), undefined)
})

test('forgets all places when some do not hold any more', () => {
  const known = new KnownBlocks()
  known.add(digest, location)
  known.checked(digest, 1)
  assert.is(known.find(digest, 1), undefined)
  known.checked(digest, 1)
  known.add(digest, location)
  assert.equal(known.find(digest, 1), { ...location, crc: undefined })
})

test('holds most of a gigabyte of blocks, and never takes one for another', () => {
  const random = seededRandom(3)
  const known = new KnownBlocks()
  const all = new Map<string, { digest: Uint8Array; location: Location; crc: number | undefined }>()
  for (let i = 0; i < 40_000; i++) {
    const one = digestOf(Buffer.from(`${i}`))
    const where: Location = {
      pack: Math.floor(random() * 1000),
      offset: Math.floor(random() * PACK_BYTES_MAX),
      codec: Math.floor(random() * 2) as Codec,
      length: 1 + Math.floor(random() * BLOCK_BYTES_MAX),
      stored: 1 + Math.floor(random() * BLOCK_BYTES_MAX),
    }
    known.add(one, where)
    const crc = random() < 0.5 ? undefined : Math.floor(random() * 2 ** 32)
    if (crc !== undefined) known.checked(one, crc)
    all.set(digestKey(one), { digest: one, location: where, crc })
  }
  let held = 0
  for (const { digest, location, crc } of all.values()) {
    const found = known.find(digest, 0)
    if (found === undefined) continue
    held++
    assert.equal(found, { ...location, crc })
  }
  assert.ok(held > 0.85 * all.size, `${held}`)
})

test.run()
