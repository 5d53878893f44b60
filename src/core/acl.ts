import type { Link } from './chain.ts'
import type { DigestKey } from './cid.ts'
import { InvalidError } from './errors.ts'
import { NAME_CHARS_MAX } from './limits.ts'
import { type ImageName, type Namespace, parseImageName, parseNamespace } from './reference.ts'
import { ACL_ENTRIES_MAX } from './registry-limits.ts'

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

export type AclTarget = string & { readonly __brand: 'AclTarget' }

/** An owner that is a group gives its members the right to write. */
export interface AclOwner {
  readonly kind: 'user' | 'group'
  readonly subject: string
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
  readonly target: AclTarget
  /** From 1 on, without gaps but those that a repair leaves. */
  readonly version: number
  /** Hex sha-256 of the payload octets of the version before; null for the first. */
  readonly previous: DigestKey | null
  /** Has every right. */
  readonly owner: AclOwner
  /** Sorted by kind, then subject; each subject once. */
  readonly entries: readonly AclEntry[]
  /** The namespace or image is gone. */
  readonly ended: boolean
  /** Made by an admin because the version before was lost or altered. */
  readonly repaired: boolean
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

export const namespaceTarget = (namespace: Namespace): AclTarget => `namespace:${namespace}` as AclTarget
export const imageTarget = (uuid: string): AclTarget => `image:${uuid}` as AclTarget

/** Sorted as an ACL has them. Throws InvalidError when a subject is there twice, or when there are too many. */
export function sortEntries(entries: readonly AclEntry[]): AclEntry[] {
  const sorted = entries.toSorted((a, b) => compare(keyOf(a), keyOf(b)))
  if (sorted.some((entry, i) => i > 0 && keyOf(entry) === keyOf(sorted[i - 1])))
    throw new InvalidError('an ACL names each subject once')
  if (sorted.length > ACL_ENTRIES_MAX)
    throw new InvalidError(`an ACL has at most ${ACL_ENTRIES_MAX} entries; share with a group instead`)
  return sorted
}

/** Place of an ACL in the chain of its target. */
export function linkOfAcl({ target, version, previous, repaired, iat }: Acl): Link {
  return { target, serial: version, previous, repaired, iat }
}

/** Reads claims whose signature was verified. Throws InvalidError when a field is missing or malformed. */
export function parseAcl(claims: Readonly<Record<string, unknown>>): Acl {
  const { namespace, name, target, version, previous, owner, entries, ended, repaired, author, iat } = claims
  if (typeof namespace !== 'string' || typeof author !== 'string') throw new InvalidError('ACL lacks a field')
  if (name !== null && typeof name !== 'string') throw new InvalidError('ACL has a bad name')
  if (!isCount(version) || version === 0 || !isCount(iat)) throw new InvalidError('ACL has a bad number')
  if (typeof ended !== 'boolean' || typeof repaired !== 'boolean')
    throw new InvalidError('ACL has a bad flag')
  const of = { namespace: parseNamespace(namespace), name: name === null ? null : parseImageName(name) }
  return {
    ...of,
    target: parseTarget(target, of),
    ...{ version, previous: parsePrevious(previous) },
    owner: parseOwner(owner),
    entries: parseEntries(entries),
    ...{ ended, repaired, author, iat },
  }
}

function parseTarget(value: unknown, of: Pick<Acl, 'namespace' | 'name'>): AclTarget {
  const known =
    of.name === null ? value === namespaceTarget(of.namespace) : /^image:[0-9a-z-]{1,64}$/.test(`${value}`)
  if (typeof value !== 'string' || !known) throw new InvalidError('ACL has a bad target')
  return value as AclTarget
}

function parsePrevious(value: unknown): DigestKey | null {
  if (value === null || (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)))
    return value as DigestKey | null
  throw new InvalidError('ACL has a bad digest')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function parseOwner(value: unknown): AclOwner {
  const { kind, subject } = (value ?? {}) as Record<string, unknown>
  if ((kind !== 'user' && kind !== 'group') || !isSubject(subject))
    throw new InvalidError('ACL has a bad owner')
  return { kind, subject }
}

function parseEntries(value: unknown): AclEntry[] {
  if (!Array.isArray(value) || value.length > ACL_ENTRIES_MAX)
    throw new InvalidError(`an ACL has at most ${ACL_ENTRIES_MAX} entries`)
  const entries = value.map(parseEntry)
  if (sortEntries(entries).some((entry, i) => entry !== entries[i]))
    throw new InvalidError('the entries of an ACL are not in order')
  return entries
}

function parseEntry(value: unknown): AclEntry {
  const { kind, subject, right } = (value ?? {}) as Record<string, unknown>
  const knownKind = SUBJECT_KINDS.find((one) => one === kind)
  const knownRight = RIGHTS.find((one) => one === right)
  const named = knownKind === 'anyone' ? subject === '' : isSubject(subject)
  if (knownKind === undefined || knownRight === undefined || !named || typeof subject !== 'string')
    throw new InvalidError('ACL has a bad entry')
  return { kind: knownKind, subject, right: knownRight }
}

function isSubject(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARS_MAX
}

/** In the order of the characters' codes, which is the same everywhere. */
const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b))
const keyOf = (entry: AclEntry | undefined) => `${entry?.kind} ${entry?.subject}`
