import type { HolderAdmission } from '../../src/core/admission.ts'
import { type Pass, parsePass } from '../../src/core/pass.ts'
import type { PeerKey } from '../../src/core/router.ts'

/** What lets everybody in, whatever they show, and shows `own`: the admission of a peer that keeps to no rule. */
export function careless(own: string): HolderAdmission {
  const pass: Pass = {
    node: 'somebody',
    sub: '/CN=somebody',
    peer: 'somebody' as PeerKey,
    labels: {},
    iat: 0,
    exp: 1,
  }
  const shown = new Map<PeerKey, Pass>()
  return {
    own: () => own,
    admit: async () => pass,
    admitHolder: async (_dn, token) => {
      const claims = parsePass(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()))
      shown.set(claims.peer, claims)
      return claims
    },
    of: (peer) => shown.get(peer) ?? pass,
    listen: () => () => {},
  }
}
