import { constants, type KeyObject, privateEncrypt } from 'node:crypto'
import forge from 'node-forge'

/** DER of a DigestInfo before the 32 bytes of a SHA-256 (RFC 8017, section 9.2, note 1). */
const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex')

/**
 * Signs a certificate that node-forge has drafted: RSASSA-PKCS1-v1_5 over SHA-256, by OpenSSL. node-forge reckons with numbers of
 * JavaScript, which takes 120 ms for a key of 3,072 bits and is not constant in time.
 */
export function signDraft(draft: forge.pki.Certificate, key: KeyObject): void {
  const sign = (md: forge.md.MessageDigest) => {
    const info = Buffer.concat([SHA256_INFO, Buffer.from(md.digest().getBytes(), 'latin1')])
    return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, info).toString('latin1')
  }
  // All that node-forge asks of a key is that it signs a digest.
  draft.sign({ sign } as unknown as forge.pki.rsa.PrivateKey, forge.md.sha256.create())
}
