import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { DigestSet } from '../../src/store/digest-set.ts'

const test = suite('digest set')
const digest = (n: number) => digestOf(Buffer.from(String(n)))

test('holds what was added and nothing else, however much it is', () => {
  const set = new DigestSet()
  for (let n = 0; n < 20_000; n++) assert.is(set.add(digest(n)), true)
  for (let n = 0; n < 20_000; n++) assert.is(set.add(digest(n)), false)
  assert.is(set.size, 20_000)
  for (let n = 0; n < 20_000; n++) if (!set.has(digest(n))) assert.unreachable(`lost ${n}`)
  for (let n = 20_000; n < 40_000; n++) if (set.has(digest(n))) assert.unreachable(`has ${n}`)
})

test('takes digests of zeros', () => {
  const set = new DigestSet()
  const zero = new Uint8Array(32)
  assert.is(set.has(zero), false)
  assert.is(set.add(zero), true)
  assert.is(set.has(zero), true)
})

test.run()
