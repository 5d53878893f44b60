import { CertificateError } from '../core/errors.ts'
import { DN_CHARS_MAX } from '../core/limits.ts'
import { type Der, DerReader, malformed, oidOf, TAG } from './der.ts'
import { ATTRIBUTE_NAMES } from './oids.ts'

/** One attribute of a name: its type as a short name or dotted number, its value as text. */
export interface Attribute {
  readonly type: string
  readonly value: string
  /** True where the value is of no string type; `value` is then the hex of its DER. */
  readonly opaque: boolean
}

/** A distinguished name: relative names in the order of the encoding, each of one or more attributes. */
export type Name = readonly (readonly Attribute[])[]

/** Reads the `Name` of a certificate. Throws CertificateError. */
export function parseName(name: Der): Name {
  const parts: Attribute[][] = []
  const relative = new DerReader(name.content)
  while (relative.tag !== undefined) {
    const set = relative.enter(TAG.set)
    const attributes: Attribute[] = []
    while (set.tag !== undefined) attributes.push(parseAttribute(set.enter(TAG.sequence)))
    if (attributes.length === 0) throw malformed('a part of a name is empty')
    parts.push(attributes)
  }
  return parts
}

function parseAttribute(pair: DerReader): Attribute {
  const oid = oidOf(pair.read(TAG.oid))
  const value = pair.read()
  pair.end()
  const text = textOf(value)
  const type = ATTRIBUTE_NAMES[oid] ?? oid
  if (text !== undefined) return { type, value: text, opaque: false }
  return { type, value: Buffer.from(value.whole).toString('hex'), opaque: true }
}

function textOf({ tag, content }: Der): string | undefined {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  if (tag === TAG.utf8String) return decode('utf-8', content)
  if (tag === TAG.printableString || tag === TAG.ia5String) {
    if (bytes.some((octet) => octet > 0x7f)) throw malformed('a name has bytes that are not ASCII')
    return bytes.toString('latin1')
  }
  if (tag === TAG.teletexString) return bytes.toString('latin1')
  if (tag === TAG.bmpString) return decode('utf-16be', content)
  return undefined
}

function decode(encoding: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed('a name has text that is no text')
  }
}

/**
 * Slash form, as grid-mapfiles and OpenSSL print it: `/DC=org/O=Example/CN=Alice Smith`, in the order of the
 * encoding. It names a principal, so two names never have the same form: `\`, `/`, `+` and a leading `#` in a
 * value are escaped with `\`, characters that do not print (controls, format marks, separators) become `\xHH`
 * per UTF-8 octet, several attributes of one part are joined with `+`. Throws CertificateError when it is too long.
 */
export function slashForm(name: Name): string {
  const dn = name.map((part) => `/${part.map(slashAttribute).join('+')}`).join('')
  if (dn.length > DN_CHARS_MAX) throw new CertificateError('a distinguished name is too long')
  return dn
}

function slashAttribute({ type, value, opaque }: Attribute): string {
  if (opaque) return `${type}=#${value}`
  return `${type}=${value.replace(/[\\/+]|^#/g, '\\$&').replace(UNPRINTABLE, hexEscape)}`
}

/** Controls, format marks (bidirectional ones among them), surrogates, private and unassigned, line separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu

function hexEscape(text: string): string {
  return [...Buffer.from(text)]
    .map((octet) => `\\x${octet.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('')
}

/**
 * One line as OpenSSL prints it, for comparison with what signing policies say: nothing is escaped but characters outside ASCII.
 * Two names may have one such line, so it names nobody.
 */
export function onelineForm(name: Name): string {
  return onelineText(
    name
      .flat()
      .map(({ type, value }) => `/${type}=${value}`)
      .join(''),
  )
}

/** Text of such a line or of a pattern in one form: octets outside ASCII as `\\xHH`, e-mail addresses and user ids under one name. */
export function onelineText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, hexEscape)
    .replace(/\\x[0-9a-f]{2}/gi, (octet) => `\\x${octet.slice(2).toUpperCase()}`)
    .replace(/\/(?:E|Email|emailAddress)=/gi, '/emailAddress=')
    .replace(/\/(?:UID|USERID)=/gi, '/UID=')
}

/** RFC 4514: most specific part first, `CN=Alice Smith,O=Example,DC=org`. */
export function rfc4514Form(name: Name): string {
  return [...name]
    .reverse()
    .map((part) => part.map(rfc4514Attribute).join('+'))
    .join(',')
}

function rfc4514Attribute({ type, value, opaque }: Attribute): string {
  if (opaque) return `${type}=#${value}`
  const escaped = value
    .replace(/[\\",+;<>]|^[# ]| $/g, '\\$&')
    .replace(UNPRINTABLE, (text) => hexEscape(text).replaceAll('\\x', '\\'))
  return `${type}=${escaped}`
}

/** The last CN, which is the most specific; the last value of any type where there is none. */
export function commonNameOf(name: Name): string {
  const attributes = name.flat()
  return (attributes.findLast(({ type }) => type === 'CN') ?? attributes.at(-1))?.value ?? ''
}
