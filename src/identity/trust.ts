import { CertificateError } from '../core/errors.ts'
import { TRUST_CERTIFICATES_MAX } from '../core/limits.ts'
import { Authorities, checkIsAuthority, isSelfIssued } from './authorities.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { Issuance } from './issuance.ts'
import { certificatesOfPem, pemOf } from './pem.ts'
import { readTrust, stampOf, type TrustContent, type TrustSource } from './trust-files.ts'

/** A revocation list that counts. */
export interface ListFacts {
  /** Slash form. */
  readonly issuer: string
  readonly nextUpdateMs: number
}

/** What follows from the content; replaced as a whole. */
interface State {
  readonly content: TrustContent
  readonly authorities: Authorities
  readonly issuance: Issuance
  readonly pem: string
}

/**
 * The authorities that a site trusts, with what they have revoked and may sign: from a PEM file or a directory in IGTF layout.
 * Self-signed ones are anchors, where paths end; others help to complete the chains of those who send only their own
 * certificate. `refresh` reads the files again, in place.
 */
export class Trust {
  readonly #source: TrustSource | undefined
  #stamp: string
  #state: State
  #generation = 0

  private constructor(init: { content: TrustContent; source?: TrustSource; stamp?: string }) {
    this.#source = init.source
    this.#stamp = init.stamp ?? ''
    this.#state = stateOf(init.content, init.source)
  }

  /** Reads a PEM file, or whatever `source` names. Throws CertificateError when it is missing or holds no anchor. */
  static async load(source: string | TrustSource): Promise<Trust> {
    const from = typeof source === 'string' ? { ca: source } : source
    // Taken first: what changes while the files are read is then seen as a change.
    const stamp = await stampOf(from)
    return new Trust({ content: await readTrust(from), source: from, stamp })
  }

  /** Throws CertificateError when `pem` has no self-signed authority, or a certificate that is no authority. */
  static fromPem(pem: string): Trust {
    const certificates = certificatesOfPem(pem, TRUST_CERTIFICATES_MAX).map(parseCertificate)
    certificates.forEach(checkIsAuthority)
    return new Trust({ content: { ...NOTHING, certificates } })
  }

  /** All certificates as PEM, for the `ca` option of TLS. */
  get pem(): string {
    return this.#state.pem
  }

  /** Grows with every change: what was concluded from an earlier generation does not count. */
  get generation(): number {
    return this.#generation
  }

  /** What an operator should mend, one sentence each. */
  get problems(): readonly string[] {
    return this.#state.content.problems
  }

  /** The revocation lists that count, one for each authority that has one. */
  get lists(): readonly ListFacts[] {
    const { authorities, issuance } = this.#state
    return authorities.all.flatMap((authority) => {
      const list = soundListOf(issuance, authority)
      return list === undefined ? [] : [{ issuer: list.issuer, nextUpdateMs: list.nextUpdateMs }]
    })
  }

  /**
   * Reads the files again if they have changed, or in any case when told so; returns whether they were read. Throws CertificateError
   * or an error of the file system: then everything stays as it was, and the next call tries again.
   */
  async refresh(options: { evenIfUnchanged?: boolean } = {}): Promise<boolean> {
    if (this.#source === undefined) return false
    const stamp = await stampOf(this.#source)
    if (stamp === this.#stamp && options.evenIfUnchanged !== true) return false
    const content = await readTrust(this.#source, this.#state.content)
    this.#state = stateOf(content, this.#source)
    this.#stamp = stamp
    this.#generation += 1
    return true
  }

  /** Anchors that may have issued `certificate`: same name. More than one after a CA has changed its key. */
  anchorsFor(certificate: Certificate): readonly Certificate[] {
    return this.#state.authorities.issuersOf(certificate).filter(isSelfIssued)
  }

  /** Authorities that are no anchors and may have issued `certificate`. */
  intermediatesFor(certificate: Certificate): readonly Certificate[] {
    return this.#state.authorities.issuersOf(certificate).filter((candidate) => !isSelfIssued(candidate))
  }

  /** Whether this very certificate is an anchor. */
  isAnchor(certificate: Certificate): boolean {
    return isSelfIssued(certificate) && this.#state.authorities.has(certificate)
  }

  /** Whether `issuer` may sign this name and has not revoked the certificate; until when that holds. Throws CertificateError. */
  checkIssued(certificate: Certificate, issuer: Certificate, nowMs: number): number {
    return this.#state.issuance.check(certificate, issuer, nowMs)
  }
}

const NOTHING: TrustContent = {
  certificates: [],
  lists: new Map(),
  policies: [],
  defects: new Map(),
  problems: [],
}

function stateOf(content: TrustContent, source: TrustSource | undefined): State {
  const { certificates, policies, defects, lists } = content
  if (!certificates.some(isSelfIssued)) {
    const where = source === undefined ? '' : `CA file ${source.ca}: `
    throw new CertificateError(
      `${where}there is no self-signed authority in it; put the root certificate of the CA there`,
    )
  }
  const listRequired = source?.crlRequired === true
  return {
    content,
    authorities: new Authorities(certificates),
    issuance: new Issuance({ lists: [...lists.values()], policies, defects, listRequired }),
    pem: pemOf(certificates.map(({ x509 }) => x509)),
  }
}

function soundListOf(issuance: Issuance, authority: Certificate) {
  try {
    return issuance.listOf(authority)
  } catch (error) {
    if (error instanceof CertificateError) return undefined
    throw error
  }
}
