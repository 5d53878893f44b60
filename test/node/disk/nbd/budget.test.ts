import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Allowance, Budget } from '../../../../node/disk/nbd/budget.ts'
import { NBD_CONNECTION_OWN_BYTES } from '../../../../src/core/disk-limits.ts'

const test = suite('the NBD budget')
const OWN = NBD_CONNECTION_OWN_BYTES

/** Connections that ask again for what they want when there may be room. */
function connections(budget: Budget, ...wanted: readonly number[]) {
  const begun: number[] = []
  const all = wanted.map((bytes, i) => {
    const allowance = new Allowance(budget)
    allowance.onRoom = () => {
      if (allowance.admit(bytes)) begun.push(i)
    }
    return allowance
  })
  const ask = () => {
    for (const each of all) each.onRoom()
  }
  return { all, begun, ask }
}

test('who comes first is served first', () => {
  const budget = new Budget({ bytesMax: 100 })
  const { all, begun, ask } = connections(budget, OWN + 90, OWN + 50, OWN + 5)
  ask()
  assert.equal(begun, [0])
  assert.is(budget.waiting, 2)
  all[0]?.release(1, OWN + 90)
  assert.equal(begun, [0, 1, 2])
  assert.is(budget.bytes, 55)
})

test('who leaves while waiting holds up nobody', () => {
  const budget = new Budget({ bytesMax: 100 })
  const { all, begun, ask } = connections(budget, OWN + 90, OWN + 50, OWN + 5)
  ask()
  all[1]?.leave()
  assert.equal(begun, [0, 2])
  assert.is(budget.waiting, 0)
  all[1]?.leave()
  assert.is(budget.bytes, 95)
})

test('who ends gives everything back, and is called no more', () => {
  const budget = new Budget({ bytesMax: 100 })
  const { all, begun, ask } = connections(budget, OWN + 90, OWN + 50, OWN + 60)
  ask()
  all[1]?.end()
  all[0]?.end()
  assert.equal(begun, [0, 2])
  assert.is(budget.bytes, 60)
  all[2]?.end()
  assert.is(budget.bytes, 0)
})

test.run()
