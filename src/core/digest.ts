/**
 * Apart from CIDs, whose libraries workers have no use for, and without `import` of node:crypto, which reads all that it exports and so loads its WebCrypto:
 * 4 MB less for each worker (docs/decisions/0005).
 */
const { hash } = process.getBuiltinModule('node:crypto')

/** sha2-256 of a block's uncompressed bytes: 32 bytes. The hot paths use it instead of a CID. */
export type Digest = Uint8Array

export const DIGEST_BYTES = 32

/** sha2-256 of `bytes`. */
export function digestOf(bytes: Uint8Array): Digest {
  return hash('sha256', bytes, 'buffer')
}
