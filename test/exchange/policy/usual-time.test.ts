import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UsualTime } from '../../../src/exchange/policy/usual-time.ts'

const test = suite('usual-time')

test('nothing is unusual before the first sample', () => {
  assert.is(new UsualTime({ memory: 16 }).limitMs, Number.POSITIVE_INFINITY)
})

test('what never varies becomes unusual soon after its mean', () => {
  const usual = new UsualTime({ memory: 8 })
  for (let i = 0; i < 100; i++) usual.add(500)
  assert.ok(Math.abs(usual.meanMs - 500) < 1)
  assert.ok(usual.limitMs > 500 && usual.limitMs < 510, String(usual.limitMs))
})

test('what varies is unusual six mean deviations above the mean', () => {
  const usual = new UsualTime({ memory: 64 })
  for (let i = 0; i < 1000; i++) usual.add(i % 2 === 0 ? 400 : 600)
  assert.ok(Math.abs(usual.meanMs - 500) < 10, String(usual.meanMs))
  assert.ok(Math.abs(usual.limitMs - 1100) < 40, String(usual.limitMs))
})

test('follows a link that has become slower', () => {
  const usual = new UsualTime({ memory: 8 })
  for (let i = 0; i < 50; i++) usual.add(100)
  for (let i = 0; i < 50; i++) usual.add(1000)
  assert.ok(usual.limitMs > 1000)
  assert.ok(usual.meanMs > 990)
})

test.run()
