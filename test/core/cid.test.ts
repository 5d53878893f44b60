import { base32 } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  blockCid,
  digestKey,
  digestOf,
  digestOfCid,
  manifestIdOf,
  nodeCid,
  parseManifestId,
} from '../../src/core/cid.ts'
import { InvalidError } from '../../src/core/errors.ts'

const test = suite('cid')
const digest = digestOf(Buffer.from('abc'))

const refuses = (fn: () => unknown) => assert.throws(fn, (error: unknown) => error instanceof InvalidError)

test('a digest is the sha-256 of the bytes', () => {
  assert.is(digestKey(digest), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('a digest comes back from the CIDs of blocks and nodes', () => {
  assert.equal(Buffer.from(digestOfCid(blockCid(digest))), digest)
  assert.equal(Buffer.from(digestOfCid(nodeCid(digest))), digest)
})

test('a digest comes back from a manifest id', () => {
  const id = manifestIdOf(digest)
  assert.match(id, /^bafyrei[a-z2-7]{52}$/)
  assert.equal(Buffer.from(parseManifestId(id)), digest)
})

test('refuses names that are no manifest', () => {
  const cid = nodeCid(digest)
  refuses(() => parseManifestId(''))
  refuses(() => parseManifestId('bafy'))
  refuses(() => parseManifestId(blockCid(digest).toString()))
  refuses(() => parseManifestId(cid.toString(base58btc)))
  refuses(() => parseManifestId(`${cid}a`))
  refuses(() => parseManifestId(cid.toString().toUpperCase()))
  refuses(() => parseManifestId('QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'))
  refuses(() => parseManifestId('b'.repeat(100_000)))
})

test('refuses a second form of the same CID', () => {
  const overlong = Buffer.concat([Buffer.from([1, 0xf1, 0x00]), nodeCid(digest).bytes.subarray(2)])
  refuses(() => parseManifestId(base32.encode(overlong)))
})

test.run()
