import type { ManifestId } from './cid.ts'
import { parseManifestId } from './cid.ts'
import { InvalidError } from './errors.ts'
import { NAME_CHARS_MAX } from './limits.ts'

export type Namespace = string & { readonly __brand: 'Namespace' }
export type ImageName = string & { readonly __brand: 'ImageName' }
export type Tag = string & { readonly __brand: 'Tag' }

/** `namespace/name`, `namespace/name:tag`, `namespace/name@3`, `namespace/name@<manifest CID>`. */
export interface Reference {
  readonly namespace: Namespace
  readonly name: ImageName
  /** At most one of the three; none means the tag `latest`. */
  readonly tag?: Tag
  readonly version?: number
  readonly manifest?: ManifestId
}

export const DEFAULT_TAG = 'latest' as Tag

/** Repoman's name syntax, without the names that mean a directory. */
const NAME = /^[a-zA-Z0-9_.-]+$/

function checkName(text: string, what: string): string {
  if (text.length === 0 || text.length > NAME_CHARS_MAX || !NAME.test(text) || /^\.+$/.test(text)) {
    throw new InvalidError(
      `${what} "${text.slice(0, 80)}" is not a name: 1 to ${NAME_CHARS_MAX} of a-z A-Z 0-9 _ . -`,
    )
  }
  return text
}

export const parseNamespace = (text: string): Namespace => checkName(text, 'namespace') as Namespace
export const parseImageName = (text: string): ImageName => checkName(text, 'image name') as ImageName
export const parseTag = (text: string): Tag => checkName(text, 'tag') as Tag

/** Throws InvalidError with the accepted forms when `text` is none of them. */
export function parseReference(text: string): Reference {
  const match = /^([^/:@]+)\/([^/:@]+)(?::([^/:@]+)|@([^/:@]+))?$/.exec(text.slice(0, 1024))
  if (match === null) {
    throw new InvalidError(
      `"${text.slice(0, 80)}" is not an image reference: use namespace/name, namespace/name:tag or namespace/name@version`,
    )
  }
  const [, namespace = '', name = '', tag, at] = match
  const base = { namespace: parseNamespace(namespace), name: parseImageName(name) }
  if (tag !== undefined) return { ...base, tag: parseTag(tag) }
  if (at === undefined) return base
  if (/^[1-9][0-9]{0,8}$/.test(at)) return { ...base, version: Number(at) }
  parseManifestId(at)
  return { ...base, manifest: at as ManifestId }
}

export function formatReference(reference: Reference): string {
  const base = `${reference.namespace}/${reference.name}`
  if (reference.tag !== undefined) return `${base}:${reference.tag}`
  if (reference.version !== undefined) return `${base}@${reference.version}`
  if (reference.manifest !== undefined) return `${base}@${reference.manifest}`
  return base
}
