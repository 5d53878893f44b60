import type { Pass } from './pass.ts'
import type { PeerKey } from './router.ts'

/**
 * Which peers may take part: those who have shown a pass that is in force. Everything that speaks to peers asks it.
 */
export interface Admission {
  /** The pass of this peer itself, compact JWS; undefined while it has none. */
  own(): string | undefined
  /**
   * Checks a pass that a peer shows, whose key the carrier has authenticated, and remembers it.
   * Errors: GrantError, SignatureError, CertificateError.
   */
  admit(peer: PeerKey, token: string): Promise<Pass>
  /** What the pass of a peer says, while it is in force. */
  of(peer: PeerKey): Pass | undefined
  /** Calls `changed` when this peer has got another pass, or has lost its own. The returned function ends that. */
  listen(changed: (own: string | undefined) => void): () => void
}

/** Also knows peers by their certificates: for a carrier that proves these and not the peer key. */
export interface HolderAdmission extends Admission {
  /**
   * Checks a pass that is shown by who has proved to be `dn`, and remembers it; the peer is the one that the pass names.
   * Errors: GrantError, SignatureError, CertificateError.
   */
  admitHolder(dn: string, token: string): Promise<Pass>
}
