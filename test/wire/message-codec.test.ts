import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ProtocolError } from '../../src/core/errors.ts'
import { decodeMessage, encodeMessage, HEADER_BYTES, messageTypeOf } from '../../src/wire/message-codec.ts'
import { MESSAGE_TYPES, type MessageType } from '../../src/wire/message-types.ts'
import { anyMessage } from '../fixtures/messages.ts'

const test = suite('exchange messages')
const TYPES = Object.keys(MESSAGE_TYPES) as MessageType[]

/** Buffers and plain byte arrays alike, and objects whatever their prototype. */
const plain = (message: object) => {
  const fields = Object.entries(message).map(([name, field]) => [
    name,
    field instanceof Uint8Array ? [...field] : field,
  ])
  return JSON.parse(JSON.stringify(Object.fromEntries(fields)))
}

test('every message reads as what was written', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = Buffer.concat(encodeMessage(message))
      assert.is(bytes.readUInt32LE(0), bytes.length - 4)
      const read = decodeMessage(messageTypeOf(bytes[4] ?? 0), bytes.subarray(HEADER_BYTES))
      assert.equal(plain(read), plain(message))
    }),
  )
})

test('random bytes are a message or a ProtocolError', () => {
  fc.assert(
    fc.property(fc.constantFrom(...TYPES), fc.uint8Array({ maxLength: 400 }), (type, body) => {
      try {
        assert.is(decodeMessage(type, body).type, type)
      } catch (error) {
        assert.instance(error, ProtocolError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a changed byte gives a message or a ProtocolError', () => {
  fc.assert(
    fc.property(anyMessage, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, flip) => {
      const bytes = Buffer.concat(encodeMessage(message))
      const place = HEADER_BYTES + (at % Math.max(1, bytes.length - HEADER_BYTES))
      bytes.writeUInt8((bytes[place] ?? 0) ^ flip, place)
      try {
        decodeMessage(message.type, bytes.subarray(HEADER_BYTES))
      } catch (error) {
        assert.instance(error, ProtocolError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('an unknown type byte is refused', () => {
  for (const byte of [0, 99, 255]) assert.throws(() => messageTypeOf(byte), /unknown message type/)
})

test('a field too many or too few is refused', () => {
  const head = (fields: object) => {
    const [bytes] = encodeMessage({ type: 'cancel', ...fields } as never)
    return (bytes as Uint8Array).subarray(HEADER_BYTES)
  }
  assert.throws(() => decodeMessage('cancel', head({ request: 1, more: 2 })), /unknown or missing fields/)
  assert.throws(() => decodeMessage('cancel', head({})), /unknown or missing fields/)
  assert.throws(() => decodeMessage('cancel', head({ request: -1 })), /malformed field request/)
  assert.throws(() => decodeMessage('cancel', head({ request: 2 ** 32 })), /malformed field request/)
})

test('blocks out of order, past the run or of another length than their table are refused', () => {
  const entry = (index: number, storedLength = 1) => ({ index, codec: 0 as const, storedLength })
  const body = (entries: ReturnType<typeof entry>[], payload: number) =>
    Buffer.concat(
      encodeMessage({ type: 'blocks', request: 1, entries, payload: new Uint8Array(payload) }),
    ).subarray(HEADER_BYTES)
  assert.is(decodeMessage('blocks', body([entry(0), entry(3)], 2)).type, 'blocks')
  assert.throws(() => decodeMessage('blocks', body([entry(3), entry(0)], 2)), /out of order/)
  assert.throws(() => decodeMessage('blocks', body([entry(3), entry(3)], 2)), /out of order/)
  assert.throws(() => decodeMessage('blocks', body([entry(256)], 1)), /out of range/)
  assert.throws(() => decodeMessage('blocks', body([entry(0, 0)], 0)), /out of range/)
  assert.throws(() => decodeMessage('blocks', body([entry(0, 262_145)], 262_145)), /out of range/)
  assert.throws(() => decodeMessage('blocks', body([entry(0, 2)], 1)), /another length/)
})

test('a solid frame is what the table leaves, and only where it has blocks of one', () => {
  const body = (codec: number, storedLength: number, payload: number) => {
    const entries = [
      { index: 0, codec: 0 as const, storedLength: 2 },
      { index: 1, codec: codec as 0, storedLength },
    ]
    const message = { type: 'blocks' as const, request: 1, entries, payload: new Uint8Array(payload) }
    return Buffer.concat(encodeMessage(message)).subarray(HEADER_BYTES)
  }
  assert.is(decodeMessage('blocks', body(2, 0, 3)).type, 'blocks')
  assert.throws(() => decodeMessage('blocks', body(2, 0, 2)), /another length/)
  assert.throws(() => decodeMessage('blocks', body(2, 1, 3)), /out of range/)
  assert.throws(() => decodeMessage('blocks', body(1, 0, 2)), /out of range/)
  assert.throws(() => decodeMessage('blocks', body(1, 1, 4)), /another length/)
  assert.throws(() => decodeMessage('blocks', body(3, 1, 3)), /unknown codec/)
})

test('a solid answer has the bytes that the specification gives', () => {
  const solid = Buffer.from('28b52ffd6000105d000020616263640100f970ef88', 'hex')
  const entries = [
    { index: 2, codec: 2 as const, storedLength: 0 },
    { index: 3, codec: 0 as const, storedLength: 3 },
    { index: 7, codec: 2 as const, storedLength: 0 },
  ]
  const payload = Buffer.concat([Buffer.from('raw'), solid])
  const bytes = Buffer.concat(encodeMessage({ type: 'blocks', request: 9, entries, payload }))
  assert.is(
    bytes.toString('hex'),
    `3100000008${'09000000'}${'0300'}${'020002000000'}${'030000030000'}${'070002000000'}${payload.toString('hex')}`,
  )
})

test('a node part past its total is refused', () => {
  const body = Buffer.concat(
    encodeMessage({ type: 'node', request: 1, total: 10, offset: 8, bytes: new Uint8Array(3) }),
  ).subarray(HEADER_BYTES)
  assert.throws(() => decodeMessage('node', body), /larger than it may be/)
})

test.run()
