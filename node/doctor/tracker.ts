import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Finding } from '../../src/api/finding.ts'
import { HttpClient } from '../../src/api/http-client.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { BootswarmError, CertificateError } from '../../src/core/errors.ts'
import { CLOCK_SKEW_S } from '../../src/core/limits.ts'
import { loadIdentity } from '../../src/identity/identity-files.ts'
import { serverCheck } from '../../src/identity/server-check.ts'
import { type Check, type Examination, failure, messageOf, ok, warning } from './examination.ts'

/** The Date of an answer has whole seconds, and the answer took its time. */
const DATE_ERROR_S = 2

/** The host of the tracker's address has an address. */
export const checkNames: Check = async ({ config }) => {
  const name = 'dns'
  const host = new URL(config.tracker.url).hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return ok(name, `${host} is an address; nothing is asked`)
  try {
    const addresses = await lookup(host, { all: true })
    return ok(name, `${host} is ${addresses.map(({ address }) => address).join(', ')}`)
  } catch (error) {
    return failure(name, messageOf(error), `Is tracker.url right, and does this host resolve ${host}?`)
  }
}

/** TLS in both directions with the names of the configuration, and by the way the difference of the clocks. */
export async function checkTracker(examination: Examination): Promise<Finding[]> {
  const { config, clock, signal } = examination
  const { url, name } = config.tracker
  let http: HttpClient | undefined
  try {
    const { certificatePem, keyPem, trust } = await loadIdentity({ ...config.identity, purpose: 'any' })
    const checkServer = serverCheck({ trust, clock })
    http = new HttpClient({ url, name, certificatePem, keyPem, caPem: trust.pem, checkServer })
    const answer = await http.send({ method: 'GET', path: TRACKER_PATHS.live, signal })
    const date = answer.headers['date']
    await answer.body.dump()
    return [ok('tracker', `${url} answers as ${name}`), clockFinding(String(date), clock.now())]
  } catch (error) {
    if (!(error instanceof BootswarmError)) throw error
    const advice =
      error instanceof CertificateError
        ? 'Compare tracker.name, identity.ca and the clocks of both hosts.'
        : 'Does it run, and do firewalls let this host through to it?'
    const unknown = 'not compared: the tracker gave no answer that counts'
    return [
      failure('tracker', error.message, advice),
      warning('clock', unknown, 'Is time synchronised? timedatectl'),
    ]
  } finally {
    await http?.close()
  }
}

function clockFinding(date: string, nowMs: number): Finding {
  const theirMs = Date.parse(date)
  if (Number.isNaN(theirMs)) return warning('clock', 'the tracker sends no date', 'Is a proxy in between?')
  const seconds = Math.round((nowMs - theirMs) / 1000)
  const found = `${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} the tracker`
  const advice = `Synchronise it (timedatectl): passes and grants allow ${CLOCK_SKEW_S} s.`
  if (Math.abs(seconds) > CLOCK_SKEW_S) return failure('clock', found, advice)
  if (Math.abs(seconds) > CLOCK_SKEW_S / 4 + DATE_ERROR_S) return warning('clock', found, advice)
  return ok('clock', `within ${Math.max(DATE_ERROR_S, Math.abs(seconds))} s of the tracker`)
}
