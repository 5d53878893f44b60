import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootswarmError, ProtocolError } from '../../src/core/errors.ts'
import { encodeMessage } from '../../src/wire/message-codec.ts'
import { MessageReader } from '../../src/wire/message-reader.ts'
import type { Message } from '../../src/wire/message-types.ts'
import { anyMessage } from '../fixtures/messages.ts'

const test = suite('message reader')

function inPieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1)
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

test('finds the same messages however the stream is cut', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 8 }), sizes, (messages, cuts) => {
      const reader = new MessageReader({ expectsBulk: () => true })
      const found: Message[] = []
      const stream = Buffer.concat(messages.flatMap(encodeMessage))
      for (const piece of inPieces(stream, cuts)) found.push(...reader.push(piece))
      assert.equal(
        found.map(({ type }) => type),
        messages.map(({ type }) => type),
      )
    }),
  )
})

test('any bytes end in messages or a typed error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (pieces) => {
      const reader = new MessageReader({ expectsBulk: () => false })
      try {
        for (const piece of pieces) for (const _ of reader.push(piece));
      } catch (error) {
        assert.instance(error, BootswarmError)
      }
    }),
    { numRuns: 1000 },
  )
})

test('bulk that was not asked for is refused by its header', () => {
  const reader = new MessageReader({ expectsBulk: () => false })
  const [head] = encodeMessage({
    type: 'blocks',
    request: 1,
    entries: [{ index: 0, codec: 0, storedLength: 100 }],
    payload: new Uint8Array(100),
  })
  assert.throws(() => [...reader.push(head as Uint8Array)], /was not asked for/)
})

test('a header that promises too much is refused before the body comes', () => {
  for (const type of [1, 2, 8]) {
    const header = Buffer.alloc(5)
    header.writeUInt32LE(0xffff_fff0, 0)
    header.writeUInt8(type, 4)
    const reader = new MessageReader({ expectsBulk: () => true })
    assert.throws(
      () => [...reader.push(header)],
      (error: unknown) => error instanceof ProtocolError,
    )
  }
})

test('a promised body takes no memory before it arrives', () => {
  const header = Buffer.alloc(5)
  header.writeUInt32LE(1024 * 1024, 0)
  header.writeUInt8(8, 4)
  const before = process.memoryUsage().arrayBuffers
  const readers = Array.from({ length: 1000 }, () => new MessageReader({ expectsBulk: () => true }))
  for (const reader of readers) assert.is([...reader.push(header)].length, 0)
  assert.ok(process.memoryUsage().arrayBuffers - before < 10_000_000)
})

test.run()
