import { CertificateError } from '../core/errors.ts'

/** Identifier octets of the DER types that certificates use (X.690 8.1.2). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
} as const

/** One value: `content` and `whole` are views of the bytes that were read, never copies. */
export interface Der {
  /** Identifier octet: class, constructed bit and number. */
  readonly tag: number
  readonly content: Uint8Array
  /** Header and content. */
  readonly whole: Uint8Array
}

/** The error of every malformed encoding; `data.detail` is `what`, for those who read something else than a certificate. */
export function malformed(what: string): CertificateError {
  return new CertificateError(`not a well-formed certificate: ${what}`, {
    data: { reason: 'malformed', detail: what },
  })
}

/**
 * Reads DER values one after the other. Strict: definite and minimal lengths of at most 4 octets, one identifier
 * octet, nothing past the end. It never recurses and never copies, so what it costs is bounded by the bytes given.
 * Throws CertificateError.
 */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Identifier octet of the next value; undefined at the end. */
  get tag(): number | undefined {
    return this.#bytes[this.#at]
  }

  /** The next value, of whatever type or of the one that is expected. */
  read(tag?: number): Der {
    const start = this.#at
    const bytes = this.#bytes
    const found = bytes[start]
    if (found === undefined) throw malformed('a value is missing')
    if ((found & 0x1f) === 0x1f) throw malformed('a tag number is too high')
    if (tag !== undefined && found !== tag) throw malformed(`tag ${found} where ${tag} belongs`)
    const { length, from } = this.#length(start + 1)
    const end = from + length
    if (end > bytes.length) throw malformed('a value is cut short')
    this.#at = end
    return { tag: found, content: bytes.subarray(from, end), whole: bytes.subarray(start, end) }
  }

  /** The next value when it has this tag, else undefined. */
  optional(tag: number): Der | undefined {
    return this.tag === tag ? this.read(tag) : undefined
  }

  /** Reader over the content of the next value, which must have this tag. */
  enter(tag: number): DerReader {
    return new DerReader(this.read(tag).content)
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed('there are bytes past the end')
  }

  #length(at: number): { length: number; from: number } {
    const first = this.#bytes[at]
    if (first === undefined) throw malformed('a length is missing')
    if (first < 0x80) return { length: first, from: at + 1 }
    const octets = first & 0x7f
    if (octets === 0 || octets > 4) throw malformed('a length is indefinite or too long')
    let length = 0
    for (let i = 1; i <= octets; i++) {
      const octet = this.#bytes[at + i]
      if (octet === undefined) throw malformed('a length is cut short')
      length = length * 256 + octet
    }
    if (length < 0x80 || length < 256 ** (octets - 1)) throw malformed('a length is not minimal')
    return { length, from: at + 1 + octets }
  }
}

/** The one value that `bytes` hold, of this type. */
export function readOnly(bytes: Uint8Array, tag: number): Der {
  const reader = new DerReader(bytes)
  const value = reader.read(tag)
  reader.end()
  return value
}

export function booleanOf({ content }: Der): boolean {
  const [octet] = content
  if (content.length !== 1 || (octet !== 0 && octet !== 0xff)) throw malformed('a boolean is neither')
  return octet === 0xff
}

/** A small integer that is not negative. */
export function countOf({ content }: Der): number {
  const [first, second] = content
  if (first === undefined || content.length > 5) throw malformed('an integer is empty or too large')
  if (first >= 0x80) throw malformed('an integer is negative')
  if (first === 0 && second !== undefined && second < 0x80) throw malformed('an integer is not minimal')
  return content.reduce((sum, octet) => sum * 256 + octet, 0)
}

/** A serial number of any size as the hex of its octets, the same text for the same number. */
export function serialOf({ content }: Der): string {
  const [first, second] = content
  if (first === undefined || content.length > 64) throw malformed('a serial number is empty or too large')
  const redundant = (first === 0 && (second ?? 0xff) < 0x80) || (first === 0xff && (second ?? 0) >= 0x80)
  if (redundant) throw malformed('a serial number is not minimal')
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('hex')
}

/** An object identifier in dotted form. */
export function oidOf({ content }: Der): string {
  if (content.length === 0 || content.length > 64)
    throw malformed('an object identifier is empty or too long')
  const arcs: number[] = []
  let arc = 0
  let inside = false
  for (const octet of content) {
    if (!inside && octet === 0x80) throw malformed('an object identifier is not minimal')
    arc = arc * 128 + (octet & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw malformed('an object identifier is too large')
    inside = octet >= 0x80
    if (inside) continue
    if (arcs.length === 0)
      arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)))
    else arcs.push(arc)
    arc = 0
  }
  if (inside) throw malformed('an object identifier is cut short')
  return arcs.join('.')
}

/** Octets of a bit string that has whole octets, as signatures have. */
export function octetsOf({ content }: Der): Uint8Array {
  if (content[0] !== 0) throw malformed('a bit string has no whole octets')
  return content.subarray(1)
}

/** Bits of a named bit list: element n says whether bit n is set. */
export function bitsOf({ content }: Der): boolean[] {
  const unused = content[0]
  if (unused === undefined || unused > 7 || (content.length === 1 && unused > 0) || content.length > 5) {
    throw malformed('a bit string is malformed')
  }
  const bits: boolean[] = []
  const count = (content.length - 1) * 8 - unused
  for (let i = 0; i < count; i++) bits.push(((content[1 + (i >> 3)] ?? 0) & (0x80 >> (i & 7))) !== 0)
  return bits
}

/** UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 restricts them, in milliseconds since the epoch. */
export function timeOf({ tag, content }: Der): number {
  const text = Buffer.from(content).toString('latin1')
  const form =
    tag === TAG.utcTime ? /^(\d\d)(\d{10})Z$/ : tag === TAG.generalizedTime ? /^(\d{4})(\d{10})Z$/ : null
  const match = form?.exec(text)
  if (!match) throw malformed('a time is malformed')
  const [, year = '', rest = ''] = match
  const full = year.length === 4 ? year : `${Number(year) >= 50 ? '19' : '20'}${year}`
  const [month, day, hour, minute, second] = rest.match(/\d\d/g) ?? []
  const iso = `${full}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const ms = Date.parse(iso)
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso) throw malformed('a time does not exist')
  return ms
}
