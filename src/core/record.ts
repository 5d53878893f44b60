import type { ManifestId } from './cid.ts'
import { InvalidError } from './errors.ts'
import { type ImageName, type Namespace, parseImageName, parseNamespace } from './reference.ts'

/** `typ` header of a record's JWS. */
export const RECORD_TYPE = 'bootswarm-record+jwt'

/** Claims of a record: this name and version is that manifest. Signed by the tracker; versions are append-only. */
export interface ImageRecord {
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
  /** Seconds since the epoch. */
  readonly iat: number
}

/** Reads claims whose signature was verified. Throws InvalidError when a field is missing or malformed. */
export function parseRecord(claims: Readonly<Record<string, unknown>>): ImageRecord {
  const { namespace, name, version, manifest, size, sha256, publisher, iat } = claims
  const texts = [namespace, name, manifest, publisher]
  const counts = [version, size, iat]
  if (texts.some((text) => typeof text !== 'string') || (sha256 !== null && typeof sha256 !== 'string')) {
    throw new InvalidError('record lacks a field')
  }
  if (counts.some((n) => !Number.isSafeInteger(n) || (n as number) < 0))
    throw new InvalidError('record has a bad number')
  return {
    namespace: parseNamespace(namespace as string),
    name: parseImageName(name as string),
    version: version as number,
    manifest: manifest as ManifestId,
    size: size as number,
    sha256,
    publisher: publisher as string,
    iat: iat as number,
  }
}
