import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { CompactSign, compactVerify, errors } from 'jose'
import { InvalidError, SignatureError } from '../core/errors.ts'
import { PEER_PROOF_BYTES_MAX } from '../core/limits.ts'
import { PEER_PROOF_TYPE, type PeerProof, parsePeerProof } from '../core/peer-proof.ts'
import type { PeerKey } from '../core/router.ts'

const ALGORITHM = 'EdDSA'
const SEED_BYTES = 32

/** The peer ID of a key as `loadOrCreatePeerKey` returns it. */
export function peerOfKey(privateKey: Uint8Array): PeerKey {
  return peerIdFromPrivateKey(privateKeyFromProtobuf(privateKey)).toString() as PeerKey
}

/** Says with the peer key itself whose it is: a compact JWS (docs/specs/pass-v1.md). */
export async function signPeerProof(
  privateKey: Uint8Array,
  claims: Omit<PeerProof, 'peer'>,
): Promise<string> {
  const { raw } = privateKeyFromProtobuf(privateKey)
  const x = base64url(raw.subarray(SEED_BYTES))
  const d = base64url(raw.subarray(0, SEED_BYTES))
  const key = createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', d, x } })
  const payload = new TextEncoder().encode(JSON.stringify({ ...claims, peer: peerOfKey(privateKey) }))
  return await new CompactSign(payload).setProtectedHeader({ alg: ALGORITHM, typ: PEER_PROOF_TYPE }).sign(key)
}

/**
 * Verifies a proof with the key that is inside the ID of `peer`. Throws SignatureError, and InvalidError when `peer` is not the
 * ID of an Ed25519 key or a claim is malformed; what the claims say is for the caller to check.
 */
export async function verifyPeerProof(token: string, peer: PeerKey): Promise<PeerProof> {
  if (token.length > PEER_PROOF_BYTES_MAX) throw new SignatureError('proof of the peer key is too long')
  const verified = await compactVerify(token, publicKeyOf(peer), { algorithms: [ALGORITHM] }).catch(refuse)
  const { typ, crit } = verified.protectedHeader
  if (typ !== PEER_PROOF_TYPE || crit !== undefined)
    throw new SignatureError(`the token is not of the type ${PEER_PROOF_TYPE}`)
  return parsePeerProof(parseObject(verified.payload))
}

function refuse(cause: unknown): never {
  if (cause instanceof errors.JOSEError)
    throw new SignatureError('the proof of the peer key does not verify', { cause })
  throw cause
}

/** The 32 octets of an Ed25519 key are in the ID of its peer. */
function publicKeyOf(peer: PeerKey): KeyObject {
  const key = readPeerId(peer).publicKey
  if (key?.type !== 'Ed25519') throw new InvalidError('peer ID is not that of an Ed25519 key')
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: base64url(key.raw) } })
}

function readPeerId(peer: PeerKey): ReturnType<typeof peerIdFromString> {
  try {
    const id = peerIdFromString(peer)
    // One key has several spellings; only the usual one is its name here.
    if (id.toString() === peer) return id
  } catch (cause) {
    throw new InvalidError('not a peer ID', { cause })
  }
  throw new InvalidError('peer ID is not in its usual form')
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch (cause) {
    throw new InvalidError('proof of the peer key is not JSON', { cause })
  }
  throw new InvalidError('proof of the peer key is not an object')
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}
