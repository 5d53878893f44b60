import { randomBytes } from 'node:crypto'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { noiseCrypto } from '../../src/p2p/noise-crypto.ts'

const NONCE = new Uint8Array(12)
const AD = new Uint8Array(0)
const SIZES = [0, 1, 1199, 1200, 65_519]

const test = suite('noise crypto')

test('encrypts and decrypts like the crypto that comes with noise', () => {
  const key = randomBytes(32)
  for (const size of SIZES) {
    const text = randomBytes(size)
    const ours = noiseCrypto.chaCha20Poly1305Encrypt(text, NONCE, AD, key).subarray()
    const theirs = defaultCrypto.chaCha20Poly1305Encrypt(text, NONCE, AD, key).subarray()
    assert.is(Buffer.compare(ours, theirs), 0)
    assert.is(Buffer.compare(noiseCrypto.chaCha20Poly1305Decrypt(ours, NONCE, AD, key).subarray(), text), 0)
  }
})

test('refuses bytes that were changed, and another key', () => {
  const [key, other] = [randomBytes(32), randomBytes(32)]
  for (const size of SIZES) {
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(randomBytes(size), NONCE, AD, key).subarray().slice()
    assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(sealed.slice(), NONCE, AD, other))
    sealed[0] = (sealed[0] ?? 0) ^ 1
    assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(sealed, NONCE, AD, key))
  }
})

test.run()
