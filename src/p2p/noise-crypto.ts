import { createSecretKey } from 'node:crypto'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import { defaultCrypto, nodeCrypto } from '@chainsafe/libp2p-noise/crypto'

/** Below it the WebAssembly cipher that noise chooses is faster than a call into OpenSSL. */
const BULK_BYTES_MIN = 1200

/** Prepared keys by the raw keys of live connections. */
const preparedKeys = new WeakMap<Uint8Array, Uint8Array>()

/**
 * The crypto of noise, with keys prepared once per connection: OpenSSL takes 10 µs to make a cipher from raw key bytes
 * and 1.3 µs from a key object, for each message of 64 KiB that takes 40 µs to encrypt.
 */
export const noiseCrypto: ICryptoInterface = {
  ...defaultCrypto,
  chaCha20Poly1305Encrypt(plaintext, nonce, ad, key) {
    if (plaintext.byteLength < BULK_BYTES_MIN) {
      return defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key)
    }
    return nodeCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, prepared(key))
  },
  chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, dst) {
    if (ciphertext.byteLength < BULK_BYTES_MIN) {
      return defaultCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, dst)
    }
    return nodeCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, prepared(key), dst)
  },
}

/** A key object where noise declares raw bytes: it hands the key to `createCipheriv` alone, which takes both. */
function prepared(key: Uint8Array): Uint8Array {
  let object = preparedKeys.get(key)
  if (object === undefined) {
    object = createSecretKey(key) as unknown as Uint8Array
    preparedKeys.set(key, object)
  }
  return object
}
