import { TAG } from './der.ts'

/** One DER value (X.690): `parts` are its content, one after the other. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(content.length)]), content])
}

/** An object identifier from its dotted form. */
export function encodeOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number)
  return encode(TAG.oid, Buffer.from([first * 40 + second, ...others].flatMap(base128)))
}

/** A number that is not negative. */
export function encodeInteger(value: bigint): Buffer {
  const hex = value.toString(16)
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  const sign = (octets[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0)
  return encode(TAG.integer, sign, octets)
}

/** UTCTime until 2049, GeneralizedTime afterwards (RFC 5280 4.1.2.5), in whole seconds. */
export function encodeTime(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  const isLate = Number(text.slice(0, 4)) >= 2050
  return isLate
    ? encode(TAG.generalizedTime, Buffer.from(text))
    : encode(TAG.utcTime, Buffer.from(text.slice(2)))
}

/** An extension that is not critical. */
export function encodeExtension(oid: string, value: Uint8Array): Buffer {
  return encode(TAG.sequence, encodeOid(oid), encode(TAG.octetString, value))
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length]
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return [0x80 + octets.length, ...octets]
}

function base128(arc: number): number[] {
  const octets = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
    octets.unshift(0x80 + (rest % 128))
  return octets
}
