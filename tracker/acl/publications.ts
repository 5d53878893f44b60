import { digestKey, digestOf } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { NotAuthorisedError, SignatureError } from '../../src/core/errors.ts'
import { CLOCK_SKEW_S } from '../../src/core/limits.ts'
import {
  checkPublication,
  PUBLICATION_TYPE,
  type PublishedFacts,
  parsePublication,
} from '../../src/core/publication.ts'
import type { RecordSignature } from '../../src/core/record.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { PUBLICATION_AGE_S_MAX } from '../../src/core/registry-limits.ts'
import { verifyStatement } from '../../src/identity/jws.ts'
import type { Trust } from '../../src/identity/trust.ts'

/** A publication that was checked, and what the record says of it. */
export interface CheckedPublication extends RecordSignature {
  /** The compact JWS, as it came. */
  readonly token: string
  /** What it is of. */
  readonly namespace: Namespace
  readonly name: ImageName
}

/** Checks what publishers sign, at the time at which the tracker attests it. */
export class Publications {
  readonly #trust: Trust
  readonly #clock: Clock

  constructor(components: { trust: Trust; clock: Clock }) {
    this.#trust = components.trust
    this.#clock = components.clock
  }

  /**
   * @param init.dn distinguished name of who brings it, who must have signed it
   * Errors: SignatureError, CertificateError, InvalidError; NotAuthorisedError when it was signed with a limited proxy.
   */
  async check(token: string, init: { dn: string; facts: PublishedFacts }): Promise<CheckedPublication> {
    const { dn, facts } = init
    const nowMs = this.#clock.now()
    const { claims, principal } = await verifyStatement(token, {
      trust: this.#trust,
      typ: PUBLICATION_TYPE,
      nowMs,
    })
    if (principal.dn !== dn)
      throw new SignatureError(`the publication was signed by ${principal.dn}, and ${dn} brings it`)
    if (principal.limited)
      throw new NotAuthorisedError(
        'the publication was signed with a limited proxy, which may read and not change; use a full proxy or the certificate',
      )
    const publication = parsePublication(claims)
    const nowS = Math.floor(nowMs / 1000)
    if (publication.iat > nowS + CLOCK_SKEW_S)
      throw new SignatureError(
        'the publication was signed in the future: set the clock of one of the two machines',
      )
    if (publication.iat < nowS - PUBLICATION_AGE_S_MAX)
      throw new SignatureError('the publication was signed too long ago: sign again')
    checkPublication(publication, facts)
    const { namespace, name } = publication
    return { token, namespace, name, digest: digestKey(digestOf(Buffer.from(token))), signer: dn, at: nowS }
  }
}
