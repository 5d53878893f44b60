import { InvalidError } from './errors.ts'
import { ACL_ENTRIES_MAX, NAME_CHARS_MAX } from './limits.ts'
import { type ImageName, type Namespace, parseImageName, parseNamespace } from './reference.ts'

/** `typ` header of an ACL's JWS. */
export const ACL_TYPE = 'bootswarm-acl+jwt'

/** Each right has those before it: who may write may read, who has admin may share, rename and remove. */
export const RIGHTS = ['read', 'write', 'admin'] as const
export type Right = (typeof RIGHTS)[number]

/** `anyone` needs no certificate and has no name. The group `nodes` is every enrolled node, `users` every user. */
export const SUBJECT_KINDS = ['user', 'group', 'node', 'anyone'] as const
export type SubjectKind = (typeof SUBJECT_KINDS)[number]

export interface AclEntry {
  readonly kind: SubjectKind
  /** Name of the user, group or node; empty for `anyone`. */
  readonly subject: string
  readonly right: Right
}

/**
 * Claims of an ACL: who may do what with a namespace, or with one image of it. Signed by the tracker; each version
 * names the one before by its digest, so that a version that was edited or put back is found.
 */
export interface Acl {
  readonly namespace: Namespace
  /** Of an image; null for the namespace itself, whose entries hold for every image in it. */
  readonly name: ImageName | null
  /** What the ACL is kept under when the image is renamed: `namespace:NAME` or `image:UUID`. */
  readonly target: string
  /** From 1 on, without gaps. */
  readonly version: number
  /** Hex sha-256 of the payload octets of the version before; null for the first. */
  readonly previous: string | null
  /** Has every right. */
  readonly owner: { readonly kind: 'user' | 'group'; readonly subject: string }
  /** Sorted by kind, then subject; each subject once. */
  readonly entries: readonly AclEntry[]
  /** Distinguished name of who made this version. */
  readonly author: string
  /** Seconds since the epoch. */
  readonly iat: number
}

/** Whether `held` is at least `wanted`. */
export function covers(held: Right | undefined, wanted: Right): boolean {
  return held !== undefined && RIGHTS.indexOf(held) >= RIGHTS.indexOf(wanted)
}

/** The stronger of two rights. */
export function strongest(a: Right | undefined, b: Right | undefined): Right | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return covers(a, b) ? a : b
}

/** Reads claims whose signature was verified. Throws InvalidError when a field is missing or malformed. */
export function parseAcl(claims: Readonly<Record<string, unknown>>): Acl {
  const { namespace, name, target, version, previous, owner, entries, author, iat } = claims
  if (typeof namespace !== 'string' || typeof target !== 'string' || typeof author !== 'string')
    throw new InvalidError('ACL lacks a field')
  if (!isCount(version) || version === 0 || !isCount(iat)) throw new InvalidError('ACL has a bad number')
  if (previous !== null && (typeof previous !== 'string' || !/^[0-9a-f]{64}$/.test(previous)))
    throw new InvalidError('ACL has a bad digest')
  if (name !== null && typeof name !== 'string') throw new InvalidError('ACL has a bad name')
  return {
    namespace: parseNamespace(namespace),
    name: name === null ? null : parseImageName(name),
    ...{ target, version, previous, author, iat },
    owner: parseOwner(owner),
    entries: parseEntries(entries),
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function parseOwner(value: unknown): Acl['owner'] {
  const { kind, subject } = (value ?? {}) as Record<string, unknown>
  if ((kind !== 'user' && kind !== 'group') || !isSubject(subject))
    throw new InvalidError('ACL has a bad owner')
  return { kind, subject }
}

function parseEntries(value: unknown): AclEntry[] {
  if (!Array.isArray(value) || value.length > ACL_ENTRIES_MAX)
    throw new InvalidError(`an ACL has at most ${ACL_ENTRIES_MAX} entries`)
  return value.map((entry: Record<string, unknown> | null) => {
    const { kind, subject, right } = entry ?? {}
    const knownKind = SUBJECT_KINDS.find((one) => one === kind)
    const knownRight = RIGHTS.find((one) => one === right)
    const named = knownKind === 'anyone' ? subject === '' : isSubject(subject)
    if (knownKind === undefined || knownRight === undefined || !named)
      throw new InvalidError('ACL has a bad entry')
    return { kind: knownKind, subject: subject as string, right: knownRight }
  })
}

function isSubject(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARS_MAX
}
