import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { SKETCH_VALUES } from '../../src/core/registry-limits.ts'
import { blocksOf, decodeSketch, encodeSketch, Sketcher, sharedWith } from '../../src/core/sketch.ts'

const test = suite('sketch')

const digests = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => digestOf(Buffer.from(`block ${from + i}`)))

function sketchOf(from: number, to: number) {
  const sketcher = new Sketcher()
  sketcher.add(digests(from, to))
  return sketcher.finish()
}
const near = (value: number, to: number, within: number) =>
  assert.ok(Math.abs(value - to) <= within, `${value} is not near ${to}`)

test('a sketch has the same values whatever the order and however often blocks come', () => {
  const sketcher = new Sketcher()
  const all = digests(0, 3000)
  for (const part of [all.slice(1000), all.slice(0, 2000), all.toReversed()]) sketcher.add(part)
  assert.equal(sketcher.finish(), sketchOf(0, 3000))
  assert.is(sketchOf(0, 3000).length, SKETCH_VALUES)
})

test('blocks are counted exactly while they are few, and estimated when they are many', () => {
  assert.is(blocksOf(sketchOf(0, 0)), 0)
  assert.is(blocksOf(sketchOf(0, 100)), 100)
  near(blocksOf(sketchOf(0, 20_000)), 20_000, 5000)
})

test('the share is exact for small images, and near it for large ones of other sizes', () => {
  assert.is(sharedWith(sketchOf(0, 40), sketchOf(10, 60)), 30 / 40)
  assert.is(sharedWith(sketchOf(0, 40), sketchOf(50, 60)), 0)
  assert.is(sharedWith(sketchOf(0, 0), sketchOf(0, 60)), 0)
  near(sharedWith(sketchOf(0, 10_000), sketchOf(2000, 12_000)), 0.8, 0.12)
  near(sharedWith(sketchOf(0, 5000), sketchOf(0, 20_000)), 1, 0.25)
  near(sharedWith(sketchOf(0, 20_000), sketchOf(0, 5000)), 0.25, 0.12)
  assert.is(sharedWith(sketchOf(0, 10_000), sketchOf(0, 10_000)), 1)
})

test('a sketch survives a database', () => {
  const sketch = sketchOf(0, 3000)
  assert.equal(decodeSketch(encodeSketch(sketch)), sketch)
  assert.throws(() => decodeSketch(new Uint8Array(7)), /not a sketch/)
})

test.run()
