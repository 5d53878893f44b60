import { CertificateError } from '../core/errors.ts'
import { CLOCK_SKEW_S } from '../core/limits.ts'
import { keyOf } from './authorities.ts'
import type { Certificate } from './certificate.ts'
import { onelineForm } from './distinguished-name.ts'
import { isoTime, type Reason, refuse } from './refusal.ts'
import type { RevocationList } from './revocation-list.ts'
import type { SigningPolicy } from './signing-policy.ts'

/** Why nothing counts that an authority has issued: a file that goes with it cannot be read. */
export interface Defect {
  readonly reason: Extract<Reason, 'crl-invalid' | 'signing-policy'>
  readonly what: string
}

export interface IssuanceInit {
  readonly lists: readonly RevocationList[]
  readonly policies: readonly SigningPolicy[]
  /** By fingerprint of the authority. */
  readonly defects: ReadonlyMap<string, Defect>
  /** Whether an authority without a list has issued nothing that counts. */
  readonly listRequired: boolean
}

/** What a site knows of authorities beyond their certificates: what they have revoked, and what names they may sign. */
export class Issuance {
  readonly #init: IssuanceInit
  readonly #lists = new Map<string, RevocationList[]>()
  readonly #policies = new Map<string, SigningPolicy[]>()

  constructor(init: IssuanceInit) {
    this.#init = init
    for (const list of init.lists) {
      const key = keyOf(list.issuerDer)
      this.#lists.set(key, [...(this.#lists.get(key) ?? []), list])
    }
    for (const policy of init.policies) {
      for (const name of policy.authorities) {
        this.#policies.set(name, [...(this.#policies.get(name) ?? []), policy])
      }
    }
  }

  /**
   * Whether `issuer` may have issued `certificate` and has not revoked it. Returns until when this answer holds, in
   * milliseconds since the epoch. Throws CertificateError.
   */
  check(certificate: Certificate, issuer: Certificate, nowMs: number): number {
    const defect = this.#init.defects.get(issuer.x509.fingerprint256)
    if (defect !== undefined) throw refuse(certificate, defect.reason, defect.what)
    this.#checkPolicy(certificate, issuer)
    return this.#checkRevoked(certificate, issuer, nowMs)
  }

  /** The list that counts for an authority: of those that it has signed the newest. Undefined when it has none. Throws CertificateError. */
  listOf(issuer: Certificate): RevocationList | undefined {
    const named = this.#lists.get(keyOf(issuer.subjectDer)) ?? []
    let [newest, failure]: [RevocationList | undefined, unknown] = [undefined, undefined]
    for (const list of named) {
      if (newest !== undefined && newest.thisUpdateMs >= list.thisUpdateMs) continue
      try {
        list.revokedBy(issuer)
        newest = list
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error
        failure = error
      }
    }
    if (newest === undefined && failure !== undefined) throw failure
    return newest
  }

  /** In a directory with policies every authority needs one, as Globus has it; all files that speak of an authority must agree. */
  #checkPolicy(certificate: Certificate, issuer: Certificate): void {
    if (this.#init.policies.length === 0) return
    const own = this.#policies.get(onelineForm(issuer.subject))
    if (own === undefined) {
      const what = `no signing policy says what ${issuer.dn} may sign, and others have one; add its .signing_policy file`
      throw refuse(certificate, 'signing-policy', what)
    }
    const against = own.find((policy) => !policy.allows(issuer.subject, certificate.subject))
    if (against === undefined) return
    const what = `the signing policy ${against.source} does not let ${issuer.dn} sign this name`
    throw refuse(certificate, 'signing-policy', what)
  }

  #checkRevoked(certificate: Certificate, issuer: Certificate, nowMs: number): number {
    const list = this.#usable(certificate, issuer)
    if (list === undefined) return Number.POSITIVE_INFINITY
    const skewMs = CLOCK_SKEW_S * 1000
    if (list.revokedBy(issuer).has(certificate.serial)) {
      throw refuse(certificate, 'revoked', `${issuer.dn} has revoked it; ask for a new one`)
    }
    if (nowMs - skewMs > list.nextUpdateMs) {
      const what = `the revocation list ${list.source} of ${issuer.dn} ended at ${isoTime(list.nextUpdateMs)}`
      throw refuse(
        certificate,
        'crl-expired',
        `${what}; until there is a newer one nothing of this CA counts: fetch it`,
      )
    }
    if (nowMs + skewMs < list.thisUpdateMs) {
      const what = `the revocation list ${list.source} of ${issuer.dn} is from ${isoTime(list.thisUpdateMs)}`
      throw refuse(
        certificate,
        'crl-invalid',
        `${what}, and this clock says ${isoTime(nowMs)}; check the clock`,
      )
    }
    return list.nextUpdateMs
  }

  #usable(certificate: Certificate, issuer: Certificate): RevocationList | undefined {
    let list: RevocationList | undefined
    try {
      list = this.listOf(issuer)
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error
      throw refuse(
        certificate,
        'crl-invalid',
        `${error.message}; nothing of this CA counts until it is mended`,
      )
    }
    if (list !== undefined || !this.#init.listRequired) return list
    const what = `there is no revocation list of ${issuer.dn}, and the configuration wants one (crlRequired)`
    throw refuse(certificate, 'crl-missing', `${what}; fetch it`)
  }
}
