import type { Finding } from '../../src/api/finding.ts'
import { CertificateError } from '../../src/core/errors.ts'
import { parseCertificate } from '../../src/identity/certificate.ts'
import { loadIdentity } from '../../src/identity/identity-files.ts'
import { Trust } from '../../src/identity/trust.ts'
import { type Check, failure, ok, warning } from './examination.ts'

const DAY_MS = 24 * 3_600_000
/** Time for an admin who reads warnings once a week. */
const EXPIRY_NEAR_MS = 14 * DAY_MS
/** Lists are brought every few hours: one that ends within a day is not. */
const LIST_NEAR_MS = DAY_MS

/** Key closed to others and belonging to the certificate, path valid now, and for some time more. */
export const checkCertificate: Check = async ({ config, clock }) => {
  const name = 'certificate'
  try {
    const { chain, principal } = await loadIdentity({
      ...config.identity,
      purpose: 'client',
      nowMs: clock.now(),
    })
    const endMs = Math.min(...chain.map((certificate) => parseCertificate(certificate).notAfterMs))
    const found = `${principal.dn}, until ${new Date(endMs).toISOString()}`
    if (endMs - clock.now() > EXPIRY_NEAR_MS) return ok(name, found)
    const days = Math.floor((endMs - clock.now()) / DAY_MS)
    const advice = 'Issue a new one into the same files; the daemon reads them again by itself.'
    return warning(name, `${found}: it ends in ${days} days`, advice)
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return failure(name, error.message, 'See docs/guides/certificates.md; is the clock of this host right?')
  }
}

/** The authorities, and the revocation lists that somebody must bring. */
export async function checkTrust({ config, clock }: Parameters<Check>[0]): Promise<Finding | Finding[]> {
  const name = 'authorities'
  try {
    const trust = await Trust.load(config.identity)
    const problems = trust.problems.map((problem) => warning(name, problem, 'Mend or remove the file.'))
    const late = trust.lists.filter(({ nextUpdateMs }) => nextUpdateMs - clock.now() < LIST_NEAR_MS)
    const lists = late.map(({ issuer, nextUpdateMs }) => {
      const found = `the revocation list of ${issuer} is to be replaced by ${new Date(nextUpdateMs).toISOString()}`
      return warning(name, found, 'Bring a fresh one: fetch-crl, or bootswarm ca crl.')
    })
    const sound = ok(name, `${config.identity.ca}, ${trust.lists.length} revocation lists`)
    return problems.length + lists.length === 0 ? sound : [...problems, ...lists]
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return failure(name, error.message, "Put the site's ca.pem where identity.ca says.")
  }
}
