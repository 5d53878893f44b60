import type { Link } from './chain.ts'
import { type DigestKey, type ManifestId, parseManifestId } from './cid.ts'
import { InvalidError } from './errors.ts'
import { DN_CHARS_MAX } from './limits.ts'
import { type ImageName, type Namespace, parseImageName, parseNamespace } from './reference.ts'

/** `typ` header of the JWS of a record and of everything else in its chain. */
export const RECORD_TYPE = 'bootswarm-record+jwt'

/** What made a record: an upload, a publisher who signed later, another name of the image. */
export const RECORD_EVENTS = ['commit', 'sign', 'rename'] as const
export type RecordEvent = (typeof RECORD_EVENTS)[number]

/** What takes versions away: one was removed, the image was, or an admin has made chain and database agree again. */
export const REMOVAL_EVENTS = ['remove', 'end', 'repair'] as const
export type RemovalEvent = (typeof REMOVAL_EVENTS)[number]

/** Place in the chain of an image. */
interface Placed {
  /** UUID of the image, which it keeps under every name. */
  readonly image: string
  /** Number of this statement among all about the image, from 1 on; not the version. */
  readonly serial: number
  /** Hex sha-256 of the payload octets of the statement before; null for the first. */
  readonly previous: DigestKey | null
  /** Made by an admin because statements before were lost or altered. */
  readonly repaired: boolean
  /** Seconds since the epoch. */
  readonly iat: number
}

/** What a record says of an image version. */
export interface RecordFacts {
  readonly event: RecordEvent
  readonly namespace: Namespace
  readonly name: ImageName
  readonly version: number
  readonly manifest: ManifestId
  /** Bytes of the image. */
  readonly size: number
  /** Hex sha-256 of the whole image, or null where the manifest has none. */
  readonly sha256: string | null
  /** Distinguished name of who pushed it. */
  readonly publisher: string
  /** The publication that somebody signed for these bytes; the tracker had checked it when it made this record or an earlier one that names it. */
  readonly signature: RecordSignature | null
  /** What a rename made it of; null for other events. A rename speaks of the highest version first. */
  readonly formerly: VersionName | null
}

export interface VersionName {
  readonly namespace: Namespace
  readonly name: ImageName
  readonly version: number
}

export interface RecordSignature {
  /** Hex sha-256 of the JWS. */
  readonly digest: DigestKey
  /** Distinguished name of who signed it. */
  readonly signer: string
  /** When the tracker found it good, in seconds since the epoch: a proxy that signed it need not live longer. */
  readonly at: number
}

/** Claims of a record: this name and version is that manifest. Signed by the tracker; each names the statement before it. */
export interface ImageRecord extends Placed, RecordFacts {}

/** Claims of a statement that is no record: a version is gone (`version`), or all are (null). */
export interface Removal extends Placed {
  readonly event: RemovalEvent
  readonly version: number | null
}

/** One link in the chain of an image. */
export type RecordStatement = ImageRecord | Removal

/** What the chain of an image is kept under. */
export const recordTarget = (uuid: string): string => `record:${uuid}`

/** Place of a statement in the chain of its image. */
export function linkOfRecord({ image, serial, previous, repaired, iat }: RecordStatement): Link {
  return { target: recordTarget(image), serial, previous, repaired, iat }
}

export function isRecord(statement: RecordStatement): statement is ImageRecord {
  return RECORD_EVENTS.some((event) => event === statement.event)
}

/**
 * Reads the claims of a record whose signature was verified. Throws InvalidError when a field is missing or malformed, and for a statement
 * that takes a version away.
 */
export function parseRecord(claims: Readonly<Record<string, unknown>>): ImageRecord {
  const { event, namespace, name, version, manifest, size, sha256, publisher } = claims
  const known = RECORD_EVENTS.find((one) => one === event)
  if (known === undefined) throw new InvalidError('not a record of a version')
  if (typeof namespace !== 'string' || typeof name !== 'string') throw new InvalidError('record lacks a name')
  if (!isDn(publisher)) throw new InvalidError('record lacks its publisher')
  if (typeof manifest !== 'string') throw new InvalidError('record lacks a manifest')
  parseManifestId(manifest)
  if (!isCount(version) || version === 0 || !isCount(size)) throw new InvalidError('record has a bad number')
  if (sha256 !== null && !isDigest(sha256)) throw new InvalidError('record has a bad digest')
  const { image, serial, previous, repaired, iat } = parsePlace(claims)
  return {
    ...{ image, serial, previous, repaired, event: known },
    namespace: parseNamespace(namespace),
    name: parseImageName(name),
    ...{ version, manifest: manifest as ManifestId, size, sha256, publisher },
    signature: parseSignature(claims['signature']),
    formerly: parseFormerly(claims['formerly'], known),
    iat,
  }
}

/** Reads the claims of any link of the chain of an image. Throws InvalidError. */
export function parseRecordStatement(claims: Readonly<Record<string, unknown>>): RecordStatement {
  const { event, version } = claims
  const known = REMOVAL_EVENTS.find((one) => one === event)
  if (known === undefined) return parseRecord(claims)
  if ('manifest' in claims) throw new InvalidError('a removal names no manifest')
  if (version !== null && (!isCount(version) || version === 0))
    throw new InvalidError('removal has a bad version')
  if ((version === null) === (known === 'remove')) throw new InvalidError('removal has a bad version')
  const { image, serial, previous, repaired, iat } = parsePlace(claims)
  return { image, serial, previous, repaired, event: known, version, iat }
}

function parsePlace(claims: Readonly<Record<string, unknown>>): Placed {
  const { image, serial, previous, repaired, iat } = claims
  if (typeof image !== 'string' || !/^[0-9a-z-]{1,64}$/.test(image))
    throw new InvalidError('record lacks its image')
  if (!isCount(serial) || serial === 0 || !isCount(iat)) throw new InvalidError('record has a bad number')
  if (previous !== null && !isDigest(previous)) throw new InvalidError('record has a bad digest')
  if (typeof repaired !== 'boolean') throw new InvalidError('record has a bad flag')
  return { image, serial, previous, repaired, iat }
}

function parseSignature(value: unknown): RecordSignature | null {
  if (value === null) return null
  const { digest, signer, at } = (value ?? {}) as Record<string, unknown>
  if (!isDigest(digest) || !isDn(signer) || !isCount(at)) throw new InvalidError('record has a bad signature')
  return { digest, signer, at }
}

function parseFormerly(value: unknown, event: RecordEvent): VersionName | null {
  if ((value === null) === (event === 'rename')) throw new InvalidError('record has a bad former name')
  if (value === null) return null
  const { namespace, name, version } = (value ?? {}) as Record<string, unknown>
  if (typeof namespace !== 'string' || typeof name !== 'string' || !isCount(version) || version === 0)
    throw new InvalidError('record has a bad former name')
  return { namespace: parseNamespace(namespace), name: parseImageName(name), version }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isDigest(value: unknown): value is DigestKey {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function isDn(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= DN_CHARS_MAX
}
