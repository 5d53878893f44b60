import { ConflictError, NotAuthorisedError } from '../../src/core/errors.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { type Asker, askerOf, type NodeAsker } from './asker.ts'

/** The node that asks: only nodes take part in swarms. Throws NotAuthorisedError. */
export function nodeAsking(request: { asker: Asker | undefined }): NodeAsker {
  const asker = askerOf(request)
  if (asker.kind === 'anonymous') throw new NotAuthorisedError(asker.reason)
  if (asker.kind === 'node') return asker
  throw new NotAuthorisedError(`${asker.dn} is a ${asker.kind}; only enrolled nodes take part in swarms`)
}

/** The node that asks, with the peer that it has enrolled. Errors: NotAuthorisedError, ConflictError. */
export function enrolledNode(request: { asker: Asker | undefined }, peer: PeerKey): NodeAsker {
  const asker = nodeAsking(request)
  if (asker.peer === peer) return asker
  throw new ConflictError(`the node ${asker.name} has enrolled another peer: bootswarm node enroll`)
}
