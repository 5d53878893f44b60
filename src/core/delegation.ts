import { GrantError } from './errors.ts'
import { CLOCK_SKEW_S, DELEGATION_LIFETIME_S_MAX, NAME_CHARS_MAX } from './limits.ts'
import { type ImageName, type Namespace, parseImageName, parseNamespace } from './reference.ts'

/** `typ` header of a delegation's JWS. */
export const DELEGATION_TYPE = 'bootswarm-delegation+jwt'

/**
 * Claims of a delegation: until `exp`, this node may fetch what its signer may read of this image or namespace. Signed by a
 * user with its certificate or a proxy; a limited one will do, because it is for reading alone. Times in seconds since the epoch.
 */
export interface Delegation {
  /** Distinguished name of the node's certificate. */
  readonly node: string
  readonly namespace: Namespace
  /** Of one image; null for all of the namespace. */
  readonly name: ImageName | null
  /** Name of the tracker that is to honour it. */
  readonly aud: string
  readonly iat: number
  readonly exp: number
}

/** Reads claims whose signature was verified. Throws GrantError when a field is missing or malformed. */
export function parseDelegation(claims: Readonly<Record<string, unknown>>): Delegation {
  const { node, namespace, name, aud, iat, exp } = claims
  if (typeof node !== 'string' || typeof namespace !== 'string' || typeof aud !== 'string')
    throw new GrantError('delegation lacks a field')
  if (name !== null && (typeof name !== 'string' || name.length > NAME_CHARS_MAX))
    throw new GrantError('delegation has a bad name')
  if (!isTime(iat) || !isTime(exp) || exp <= iat || exp - iat > DELEGATION_LIFETIME_S_MAX)
    throw new GrantError(`a delegation lasts ${DELEGATION_LIFETIME_S_MAX / 3600} hours at most`)
  return {
    ...{ node, aud, iat, exp },
    namespace: parseNamespace(namespace),
    name: name === null ? null : parseImageName(name),
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export interface DelegationUse {
  /** Distinguished name of the node that shows it. */
  readonly node: string
  readonly image: { readonly namespace: Namespace; readonly name: ImageName }
  /** Names of the tracker that is asked. */
  readonly audience: ReadonlySet<string>
  readonly nowMs: number
}

/** Throws GrantError unless the delegation is for this node, this image and now. */
export function checkDelegation(delegation: Delegation, use: DelegationUse): void {
  const { namespace, name } = delegation
  const nowS = use.nowMs / 1000
  if (delegation.node !== use.node) throw new GrantError('delegation is for another node')
  if (!use.audience.has(delegation.aud)) throw new GrantError('delegation is for another tracker')
  if (namespace !== use.image.namespace || (name !== null && name !== use.image.name))
    throw new GrantError('delegation is for another image')
  if (nowS + CLOCK_SKEW_S < delegation.iat) throw new GrantError('delegation is not yet valid')
  if (nowS >= delegation.exp) throw new GrantError('delegation has expired; delegate again with another pull')
}
