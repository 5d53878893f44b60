import { InvalidError } from './errors.ts'
import { CLOCK_SKEW_S, PEER_PROOF_AGE_S_MAX } from './limits.ts'
import type { PeerKey } from './router.ts'

/** `typ` header of the JWS by which a peer key says whose it is. */
export const PEER_PROOF_TYPE = 'bootswarm-peer-proof+jwt'

/** Claims of a proof: the key of this peer belongs to the node with this certificate. Signed with the peer key. */
export interface PeerProof {
  /** Distinguished name of the node's certificate. */
  readonly dn: string
  readonly peer: PeerKey
  /** Name of the tracker that it is for. */
  readonly aud: string
  /** Seconds since the epoch. */
  readonly iat: number
}

/** Reads claims whose signature was verified. Throws InvalidError when a field is missing or malformed. */
export function parsePeerProof(claims: Readonly<Record<string, unknown>>): PeerProof {
  const { dn, peer, aud, iat } = claims
  if (typeof dn !== 'string' || typeof peer !== 'string' || typeof aud !== 'string')
    throw new InvalidError('proof of the peer key lacks a field')
  if (!Number.isSafeInteger(iat)) throw new InvalidError('proof of the peer key has no valid time')
  return { dn, peer: peer as PeerKey, aud, iat: iat as number }
}

/** Throws InvalidError unless the proof was made just now for this principal, peer and tracker. */
export function checkPeerProof(
  proof: PeerProof,
  use: { dn: string; peer: PeerKey; audience: ReadonlySet<string>; nowMs: number },
): void {
  const ageS = use.nowMs / 1000 - proof.iat
  if (proof.dn !== use.dn) throw new InvalidError('proof of the peer key is for another certificate')
  if (proof.peer !== use.peer) throw new InvalidError('proof of the peer key is for another peer')
  if (!use.audience.has(proof.aud))
    throw new InvalidError(`proof of the peer key is for another tracker, ${proof.aud.slice(0, 200)}`)
  if (ageS > PEER_PROOF_AGE_S_MAX || ageS < -CLOCK_SKEW_S)
    throw new InvalidError('proof of the peer key is not fresh; compare the clocks of node and tracker')
}
