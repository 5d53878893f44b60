import { setImmediate as turn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Gate } from '../../../tracker/uploads/gate.ts'

const test = suite('gate')

test('lets shared ones in together and exclusive ones alone', async () => {
  const gate = new Gate()
  let shared = 0
  let exclusive = 0
  let sharedMost = 0
  const useShared = () =>
    gate.shared(async () => {
      assert.is(exclusive, 0)
      sharedMost = Math.max(sharedMost, ++shared)
      await turn()
      shared--
    })
  const useAlone = () =>
    gate.exclusive(async () => {
      assert.is(shared, 0)
      assert.is(exclusive++, 0)
      await turn()
      exclusive--
    })
  await Promise.all([
    useShared(),
    useShared(),
    useAlone(),
    useShared(),
    useAlone(),
    useAlone(),
    useShared(),
    useShared(),
  ])
  assert.ok(sharedMost >= 2)
})

test('lets an exclusive one go before shared ones that come later', async () => {
  const gate = new Gate()
  const order: string[] = []
  const first = gate.shared(async () => {
    await turn()
    order.push('shared 1')
  })
  const alone = gate.exclusive(async () => void order.push('alone'))
  const late = gate.shared(async () => void order.push('shared 2'))
  await Promise.all([first, alone, late])
  assert.equal(order, ['shared 1', 'alone', 'shared 2'])
})

test('goes on after failures', async () => {
  const gate = new Gate()
  const fail = async () => {
    throw new RangeError('x')
  }
  const results = await Promise.allSettled([
    gate.shared(fail),
    gate.exclusive(fail),
    gate.exclusive(async () => 1),
    gate.shared(async () => 2),
  ])
  assert.equal(
    results.map((result) => result.status),
    ['rejected', 'rejected', 'fulfilled', 'fulfilled'],
  )
})

test.run()
