import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeNode } from '../../src/core/dag-node.ts'
import { ManifestError } from '../../src/core/errors.ts'

const test = suite('dag node')
const BOUNDS = { bytesMax: 1 << 20, itemsMax: 1000 }

const refuses = (bytes: Uint8Array, what: RegExp) =>
  assert.throws(
    () => decodeNode(bytes, BOUNDS),
    (error: unknown) => error instanceof ManifestError && what.test(error.message),
  )

test('reads a map of any values within the bounds', () => {
  const value = { a: [1, -2, 'text', new Uint8Array([1]), null, true, { b: [] }], bb: 2 ** 40 }
  assert.equal(decodeNode(dagCbor.encode(value), BOUNDS), value)
})

test('refuses many values before it makes objects of them', () => {
  const many = Buffer.concat([Buffer.from([0xa1, 0x61, 0x61, 0x99, 0xff, 0xff]), Buffer.alloc(65_535, 0x80)])
  refuses(many, /too many values/)
})

test('refuses deep nesting', () => {
  refuses(
    Buffer.concat([Buffer.from([0xa1, 0x61, 0x61]), Buffer.alloc(5000, 0x81), Buffer.from([0])]),
    /too many values/,
  )
})

test('refuses lengths that are not there', () => {
  refuses(Buffer.from('bbffffffffffffffff', 'hex'), /cut short/)
  refuses(Buffer.from('a161619affffffff01', 'hex'), /cut short/)
  refuses(Buffer.from('a161615bffffffffffffffff', 'hex'), /dag-cbor/)
  refuses(Buffer.from('bf616101ff', 'hex'), /dag-cbor/)
  refuses(new Uint8Array(), /cut short/)
})

test('refuses what is not canonical', () => {
  refuses(Buffer.from('a1616118ff00', 'hex'), /dag-cbor/)
  refuses(Buffer.from('a161611801', 'hex'), /canonical|dag-cbor/)
  refuses(Buffer.from('a2616201616102', 'hex'), /canonical|dag-cbor/)
  refuses(Buffer.from('a16161fb3ff0000000000000', 'hex'), /canonical|dag-cbor/)
})

test('bytes of anybody give a ManifestError or a map', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        const map = Buffer.concat([Buffer.from([0xa1, 0x61, 0x61]), bytes])
        assert.equal(Buffer.from(dagCbor.encode(decodeNode(map, BOUNDS))), map)
      } catch (error) {
        assert.instance(error, ManifestError)
      }
    }),
    { numRuns: 3000 },
  )
})

test.run()
