import { isIP } from 'node:net'
import { InvalidError } from '../core/errors.ts'

/** Upper bound of RFC 5280 for common and organization names. */
const NAME_CHARS_MAX = 64
const DAYS_MAX = 36_500
const ALT_NAMES_MAX = 100

/** Names that a certificate is asked for. */
interface NamesInit {
  readonly kind: string
  readonly commonName: string
  readonly dnsNames?: readonly string[] | undefined
  readonly ipAddresses?: readonly string[] | undefined
}

/** One entry of subjectAltName as node-forge takes it: type 2 is a DNS name, 7 an IP address. */
export type AltName = { type: 2; value: string } | { type: 7; ip: string }

/** Throws InvalidError unless `name` may stand in a certificate. */
export function checkName(what: string, name: string): void {
  if (name.trim() !== name || name.length === 0 || name.length > NAME_CHARS_MAX || /\p{C}/u.test(name)) {
    throw new InvalidError(
      `${what} has 1 to ${NAME_CHARS_MAX} printable characters: ${JSON.stringify(name.slice(0, 100))}`,
    )
  }
}

export function checkDays(days: number): number {
  if (Number.isInteger(days) && days >= 1 && days <= DAYS_MAX) return days
  throw new InvalidError(`a number of days is 1 to ${DAYS_MAX}: ${days}`)
}

/** Names and addresses for subjectAltName. The common name of a tracker is one of them where it can be. Throws InvalidError. */
export function certificateNames(init: NamesInit): AltName[] {
  const { kind, commonName, dnsNames = [], ipAddresses = [] } = init
  if (dnsNames.length + ipAddresses.length > ALT_NAMES_MAX) {
    throw new InvalidError(`a certificate has at most ${ALT_NAMES_MAX} names`)
  }
  const names = [...dnsNames.map(dnsName), ...ipAddresses.map(ipAddress)]
  if (kind !== 'tracker') return names
  const own = ownName(commonName)
  if (own === undefined && names.length === 0) {
    const shown = JSON.stringify(commonName)
    throw new InvalidError(`a tracker needs a host name or an address, and ${shown} is neither; give one`)
  }
  const isKnown = names.some((name) => JSON.stringify(name) === JSON.stringify(own))
  return own === undefined || isKnown ? names : [own, ...names]
}

function ownName(commonName: string): AltName | undefined {
  if (isIP(commonName) !== 0) return ipAddress(commonName)
  return isDnsName(commonName) ? dnsName(commonName) : undefined
}

function dnsName(value: string): AltName {
  if (isDnsName(value)) return { type: 2, value: value.toLowerCase() }
  throw new InvalidError(
    `not a host name: ${JSON.stringify(value.slice(0, 100))} (wildcards are not accepted)`,
  )
}

function ipAddress(ip: string): AltName {
  if (isIP(ip) !== 0 && !ip.includes('%')) return { type: 7, ip }
  throw new InvalidError(`not an IP address: ${JSON.stringify(ip.slice(0, 100))}`)
}

function isDnsName(value: string): boolean {
  const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i
  return value.length <= 253 && isIP(value) === 0 && value.split('.').every((part) => label.test(part))
}
