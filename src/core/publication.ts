import { type ManifestId, parseManifestId } from './cid.ts'
import { InvalidError, SignatureError } from './errors.ts'
import { type ImageName, type Namespace, parseImageName, parseNamespace } from './reference.ts'

/** `typ` header of a publication's JWS. */
export const PUBLICATION_TYPE = 'bootswarm-publication+jwt'

/** Claims of a publication: under this name I publish these bytes. Signed by a person or a pipeline, with its own certificate or a proxy. */
export interface Publication {
  readonly namespace: Namespace
  readonly name: ImageName
  readonly manifest: ManifestId
  /** Bytes of the image. */
  readonly size: number
  /** Hex sha-256 of the whole image, or null where the manifest has none. */
  readonly sha256: string | null
  /** Seconds since the epoch. */
  readonly iat: number
}

/** What a publication is compared with. */
export type PublishedFacts = Omit<Publication, 'iat'>

/** Reads claims whose signature was verified. Throws InvalidError when a field is missing or malformed. */
export function parsePublication(claims: Readonly<Record<string, unknown>>): Publication {
  const { namespace, name, manifest, size, sha256, iat } = claims
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof manifest !== 'string')
    throw new InvalidError('publication lacks a field')
  parseManifestId(manifest)
  if (!isCount(size) || !isCount(iat)) throw new InvalidError('publication has a bad number')
  if (sha256 !== null && (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)))
    throw new InvalidError('publication has a bad digest')
  return {
    namespace: parseNamespace(namespace),
    name: parseImageName(name),
    ...{ manifest: manifest as ManifestId, size, sha256, iat },
  }
}

/** Throws SignatureError unless the publication is of this name and these bytes. */
export function checkPublication(publication: Publication, facts: PublishedFacts): void {
  const { namespace, name, manifest, size, sha256 } = publication
  if (namespace !== facts.namespace || name !== facts.name)
    throw new SignatureError(
      `the publication is of ${namespace}/${name}, not of ${facts.namespace}/${facts.name}`,
    )
  if (manifest !== facts.manifest || size !== facts.size || sha256 !== facts.sha256)
    throw new SignatureError(`the publication of ${namespace}/${name} is of other bytes: ${manifest}`)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
