import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BufferPool } from '../../src/util/buffer-pool.ts'

const test = suite('buffer pool')

test('gives back what it was given', () => {
  const pool = new BufferPool({ bytes: 1024, keepMax: 2 })
  const bytes = pool.take(1000)
  assert.is(bytes.length, 1000)
  assert.is(bytes.buffer.byteLength, 1024)
  pool.give(bytes.buffer)
  assert.is(pool.take(500).buffer, bytes.buffer)
  assert.is.not(pool.take(500).buffer, bytes.buffer)
})

test('leaves small and large requests to the collector', () => {
  const pool = new BufferPool({ bytes: 1024, keepMax: 2 })
  assert.is(pool.take(10).buffer.byteLength, 10)
  assert.is(pool.take(2000).buffer.byteLength, 2000)
})

test('keeps no more than it should, and nothing foreign or moved away', () => {
  const pool = new BufferPool({ bytes: 1024, keepMax: 1 })
  const moved = new ArrayBuffer(1024)
  structuredClone(moved, { transfer: [moved] })
  pool.give(moved)
  pool.give(new ArrayBuffer(1000))
  const kept = new ArrayBuffer(1024)
  pool.give(kept)
  pool.give(new ArrayBuffer(1024))
  assert.is(pool.take(1024).buffer, kept)
  assert.is(pool.take(1024).byteLength, 1024)
})

test('has smaller ones for smaller requests, and keeps as many bytes of all sizes together', () => {
  const pool = new BufferPool({ bytes: 1024, keepMax: 1, halvings: 2 })
  assert.equal(
    [64, 256, 257, 512, 513].map((length) => pool.take(length).buffer.byteLength),
    [256, 256, 512, 512, 1024],
  )
  const kept = [512, 256, 256].map((bytes) => new ArrayBuffer(bytes))
  for (const buffer of [...kept, new ArrayBuffer(256)]) pool.give(buffer)
  assert.is(pool.take(300).buffer, kept[0])
  assert.is(pool.take(100).buffer, kept[2])
  assert.is(pool.take(100).buffer, kept[1])
  assert.not(kept.includes(pool.take(100).buffer))
})

test.run()
