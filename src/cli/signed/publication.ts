import { digestKey, digestOf } from '../../core/cid.ts'
import { SignatureError } from '../../core/errors.ts'
import { CLOCK_SKEW_S } from '../../core/limits.ts'
import {
  checkPublication,
  PUBLICATION_TYPE,
  type PublishedFacts,
  parsePublication,
} from '../../core/publication.ts'
import type { ImageRecord } from '../../core/record.ts'
import type { Identity } from '../../identity/identity-files.ts'
import { signJws, verifyStatement } from '../../identity/jws.ts'
import type { Judgement } from '../records.ts'

/** Signs that these bytes are published under this name. Errors: CertificateError, SignatureError for a limited proxy. */
export async function signPublication(
  identity: Identity,
  facts: PublishedFacts,
  { nowMs }: { nowMs: number },
): Promise<string> {
  const { namespace, name, manifest, size, sha256 } = facts
  const claims = { namespace, name, manifest, size, sha256, iat: Math.floor(nowMs / 1000) }
  return await signJws(identity, claims, { typ: PUBLICATION_TYPE })
}

/**
 * Checks a publication that a record names, as of the time at which the tracker attested it.
 * @param init.named the record under the name that the image had then; the newest unless it was renamed
 * Errors: SignatureError, CertificateError, InvalidError.
 */
export async function verifyPublication(
  token: string,
  init: { record: ImageRecord; named: ImageRecord; judge: Judgement },
): Promise<{ signer: string; at: Date; proxyDepth: number }> {
  const { record, named, judge } = init
  const { signature } = record
  if (signature === null) throw new SignatureError('the record names no signature but that of the tracker')
  if (digestKey(digestOf(Buffer.from(token))) !== signature.digest)
    throw new SignatureError('the record names another signature of the publisher')
  const { claims, principal } = await verifyStatement(token, {
    ...{ trust: judge.trust, typ: PUBLICATION_TYPE, nowMs: judge.nowMs },
    madeAtMs: signature.at * 1000,
  })
  if (principal.dn !== signature.signer)
    throw new SignatureError(`the record says that ${signature.signer} signed, and it was ${principal.dn}`)
  if (principal.limited) throw new SignatureError('it was signed with a limited proxy, which may not publish')
  const publication = parsePublication(claims)
  checkPublication(publication, named)
  if (publication.iat > signature.at + CLOCK_SKEW_S)
    throw new SignatureError('it was signed after the tracker attested it')
  return { signer: principal.dn, at: new Date(signature.at * 1000), proxyDepth: principal.proxyDepth }
}
