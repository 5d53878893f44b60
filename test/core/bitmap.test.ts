import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../src/core/bitmap.ts'
import { InvalidError } from '../../src/core/errors.ts'

const test = suite('bitmap')

test('behaves like a set of numbers', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.tuple(fc.nat(299), fc.boolean())),
      (size, steps) => {
        const bitmap = new Bitmap(size)
        const model = new Set<number>()
        for (const [index, add] of steps) {
          if (index >= size) continue
          assert.is(add ? bitmap.set(index) : bitmap.clear(index), add ? !model.has(index) : model.has(index))
          if (add) model.add(index)
          else model.delete(index)
        }
        assert.is(bitmap.count, model.size)
        assert.equal(
          [...bitmap],
          [...model].sort((a, b) => a - b),
        )
        const read = Bitmap.decode(size, bitmap.bytes)
        assert.equal([read.count, [...read]], [bitmap.count, [...bitmap]])
      },
    ),
  )
})

test('a full bitmap has every bit and no other', () => {
  for (const size of [0, 1, 7, 8, 9, 64]) {
    const full = Bitmap.full(size)
    assert.ok(full.isFull)
    assert.is([...full].length, size)
    assert.ok(Bitmap.decode(size, full.bytes).isFull)
  }
})

test('a copy is one of its own', () => {
  const bitmap = new Bitmap(8)
  const copy = bitmap.copy()
  copy.set(1)
  assert.not(bitmap.has(1))
})

test('refuses bytes of a wrong length and bits past the end', () => {
  const refuses = (fn: () => unknown) => assert.throws(fn, (error: unknown) => error instanceof InvalidError)
  refuses(() => Bitmap.decode(9, new Uint8Array(1)))
  refuses(() => Bitmap.decode(9, new Uint8Array(3)))
  refuses(() => Bitmap.decode(9, Uint8Array.of(0, 2)))
  refuses(() => new Bitmap(8).set(8))
  refuses(() => new Bitmap(8).set(-1))
})

test.run()
