import type { AclPlace } from '../../api/signed-client.ts'
import { type Acl, type AclEntry, RIGHTS, type Right, SUBJECT_KINDS } from '../../core/acl.ts'
import { UsageError } from '../../core/errors.ts'
import { parseImageName, parseNamespace } from '../../core/reference.ts'

/** `namespace` or `namespace/name`. Throws InvalidError. */
export function parsePlace(text: string): AclPlace {
  const [namespace = '', name, more] = text.split('/', 3)
  if (more !== undefined)
    throw new UsageError(`${text.slice(0, 100)} is neither a namespace nor namespace/name`)
  if (name === undefined) return { namespace: parseNamespace(namespace) }
  return { namespace: parseNamespace(namespace), name: parseImageName(name) }
}

export const formatPlace = ({ namespace, name }: AclPlace) =>
  name === undefined ? namespace : `${namespace}/${name}`

/** `user:bob`, `group:physics`, `node:rack1-7` or `anyone`. Throws UsageError. */
export function parseSubject(text: string): Pick<AclEntry, 'kind' | 'subject'> {
  const [word = '', subject = ''] = text.split(/:(.*)/s, 2)
  const kind = SUBJECT_KINDS.find((one) => one === word)
  if (kind === undefined || (kind === 'anyone') !== (subject === ''))
    throw new UsageError(`${text.slice(0, 100)} is no subject: user:NAME, group:NAME, node:NAME or anyone`)
  return { kind, subject }
}

/** `user:bob=read`. Throws UsageError. */
export function parseEntry(text: string): AclEntry {
  const [subject = '', right = ''] = text.split('=', 2)
  return { ...parseSubject(subject), right: parseRight(right) }
}

/** Throws UsageError. */
export function parseRight(text: string): Right {
  const right = RIGHTS.find((one) => one === text)
  if (right !== undefined) return right
  throw new UsageError(`${text.slice(0, 100)} is no right: ${RIGHTS.join(', ')}`)
}

export function formatSubject({ kind, subject }: Pick<AclEntry, 'kind' | 'subject'>): string {
  return subject === '' ? kind : `${kind}:${subject}`
}

export const formatEntry = (entry: AclEntry) => `${formatSubject(entry)}=${entry.right}`

/** What one version of an ACL changed: `+user:bob=read`, `-group:old`, `owner user:bob`, `name b`. */
export function changesOf(before: Acl | undefined, acl: Acl): string[] {
  const was = new Map((before?.entries ?? []).map((entry) => [formatSubject(entry), entry.right]))
  const is = new Map(acl.entries.map((entry) => [formatSubject(entry), entry.right]))
  const given = acl.entries.filter((entry) => was.get(formatSubject(entry)) !== entry.right)
  const changes = given.map((entry) => `+${formatEntry(entry)}`)
  for (const subject of was.keys()) if (!is.has(subject)) changes.push(`-${subject}`)
  const { kind, subject } = acl.owner
  if (before?.owner.kind !== kind || before.owner.subject !== subject)
    changes.push(`owner ${kind}:${subject}`)
  if (before !== undefined && (before.namespace !== acl.namespace || before.name !== acl.name))
    changes.push(`renamed from ${before.namespace}/${before.name ?? ''}`)
  if (acl.repaired) changes.push('repaired by an admin')
  if (acl.ended) changes.push('ended')
  return changes
}
