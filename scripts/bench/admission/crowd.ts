import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PeerKey } from '../../../src/core/router.ts'
import { parseCertificate } from '../../../src/identity/certificate.ts'
import { TAG } from '../../../src/identity/der.ts'
import { encode, encodeInteger, encodeOid, encodeTime } from '../../../src/identity/der-writer.ts'
import { EKU, EXTENSION } from '../../../src/identity/oids.ts'
import { peerOfKey } from '../../../src/identity/peer-proof.ts'
import type { IdentityPaths } from '../../../testnet/layout.ts'

/** A node that is nothing but its keys and its certificate. */
export interface CrowdNode {
  readonly dn: string
  readonly peer: PeerKey
  /** libp2p's protobuf of an Ed25519 key. */
  readonly peerKey: Uint8Array
  readonly certificatePem: string
  readonly keyPem: string
}

const UTF8_STRING = 0x0c
const DAY_MS = 24 * 3600 * 1000
const SHA256_RSA = '1.2.840.113549.1.1.11'

/**
 * So many nodes with certificates of P-256 keys: RSA keys and node-forge, with which the command line issues, would take minutes
 * for a thousand.
 */
export async function makeCrowd(ca: IdentityPaths, count: number): Promise<CrowdNode[]> {
  const issuer = new X509Certificate(await readFile(ca.certificate, 'utf8'))
  const key = createPrivateKey(await readFile(ca.key, 'utf8'))
  return await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const peerKey = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
      const issued = issue({ issuer, key }, `crowd-${n}`)
      const { dn } = parseCertificate(new X509Certificate(issued.certificatePem))
      return { dn, peer: peerOfKey(peerKey), peerKey, ...issued }
    }),
  )
}

/** A certificate of a node (RFC 5280 section 4.1), as `bootswarm ca issue node` makes it but for its key. */
function issue(ca: { issuer: X509Certificate; key: KeyObject }, commonName: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = parseCertificate(ca.issuer)
  const algorithm = encode(TAG.sequence, encodeOid(SHA256_RSA), Buffer.of(0x05, 0x00))
  const nowMs = Date.now()
  const subject: readonly (readonly [string, string])[] = [
    ['2.5.4.10', 'Testnet'],
    ['2.5.4.11', 'nodes'],
    ['2.5.4.3', commonName],
  ]
  const serial = BigInt(`0x40${randomBytes(15).toString('hex')}`)
  const tbs = encode(
    TAG.sequence,
    encode(0xa0, encodeInteger(2n)),
    encodeInteger(serial),
    algorithm,
    issuer.subjectDer,
    encode(TAG.sequence, encodeTime(nowMs - DAY_MS / 24), encodeTime(nowMs + DAY_MS)),
    encode(TAG.sequence, ...subject.map(attribute)),
    publicKey.export({ type: 'spki', format: 'der' }),
    encode(0xa3, encode(TAG.sequence, ...extensions())),
  )
  const signature = encode(TAG.bitString, Buffer.of(0), sign('sha256', tbs, ca.key))
  const der = encode(TAG.sequence, tbs, algorithm, signature)
  return {
    certificatePem: new X509Certificate(der).toString(),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function attribute([oid, value]: readonly [string, string]): Buffer {
  return encode(SET, encode(TAG.sequence, encodeOid(oid), encode(UTF8_STRING, Buffer.from(value))))
}
const SET = 0x31

function extensions(): Buffer[] {
  const critical = Buffer.of(0x01, 0x01, 0xff)
  const extension = (oid: string, value: Buffer, ...flag: Buffer[]) =>
    encode(TAG.sequence, encodeOid(oid), ...flag, encode(TAG.octetString, value))
  return [
    extension(EXTENSION.basicConstraints, encode(TAG.sequence), critical),
    // digitalSignature
    extension(EXTENSION.keyUsage, encode(TAG.bitString, Buffer.of(7, 0x80)), critical),
    extension(EXTENSION.extKeyUsage, encode(TAG.sequence, encodeOid(EKU.clientAuth))),
  ]
}
