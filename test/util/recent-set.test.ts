import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecentSet } from '../../src/util/recent-set.ts'

const test = suite('recent set')

test('what was added last stays, however much comes', () => {
  const set = new RecentSet<number>({ max: 3 })
  assert.equal(
    [1, 2, 3, 1].map((thing) => set.add(thing)),
    [true, true, true, false],
  )
  set.add(4)
  assert.equal([...set], [3, 1, 4])
  assert.is(set.has(2), false)
  assert.is(set.delete(1), true)
  assert.is(set.delete(1), false)
  assert.is(set.size, 2)
})

test('what is kept makes no room', () => {
  const set = new RecentSet<number>({ max: 2 })
  for (const thing of [1, 2, 3]) set.add(thing, (other) => other === 1)
  assert.equal([...set], [1, 3])
})

test.run()
