import { sql } from 'kysely'
import { type Acl, type AclEntry, type AclOwner, imageTarget } from '../../src/core/acl.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { type Db, holdImages } from '../catalog/db.ts'

/** The rows of images come before their chains, as in every change of an image. */
export async function holdTargets(trx: Db, targets: readonly string[]): Promise<void> {
  const prefix = imageTarget('')
  const uuids = targets
    .filter((target) => target.startsWith(prefix))
    .map((target) => target.slice(prefix.length))
  if (uuids.length > 0) await holdImages(trx, (images) => images.where('uuid', 'in', uuids))
}

/** Rewrites what the tables have of an ACL for listings: its entries, and who owns its target. */
export async function copyAcl(trx: Db, acl: Acl): Promise<void> {
  const { target, entries } = acl
  await trx.deleteFrom('acl_entries').where('target', '=', target).execute()
  if (entries.length > 0) {
    const rows = entries.map(({ kind, subject, right }) => ({ target, kind, subject, right }))
    await trx.insertInto('acl_entries').values(rows).execute()
  }
  if (!acl.ended) await copyOwner(trx, acl)
}

async function copyOwner(trx: Db, { target, namespace, name, owner }: Acl): Promise<void> {
  const named = (table: 'users' | 'groups', kind: AclOwner['kind']) =>
    owner.kind === kind
      ? sql<number | null>`(select id from ${sql.table(table)} where name = ${owner.subject})`
      : null
  const user = named('users', 'user')
  if (name !== null) {
    const uuid = target.slice('image:'.length)
    await trx.updateTable('images').set({ owner: user }).where('uuid', '=', uuid).execute()
    return
  }
  const change = { owner_user: user, owner_group: named('groups', 'group') }
  await trx.updateTable('namespaces').set(change).where('namespace', '=', namespace).execute()
}

/** What the tables say that an ACL says; undefined where there is no such namespace or image. */
export interface CopiedAcl {
  readonly namespace: Namespace
  readonly name: ImageName | null
  /** Undefined for who is no user and no group. */
  readonly owner: AclOwner | undefined
  readonly entries: readonly AclEntry[]
}

export async function readCopy(db: Db, target: string): Promise<CopiedAcl | undefined> {
  const row = target.startsWith('image:')
    ? await imageOf(db, target.slice('image:'.length))
    : await namespaceOf(db, target.slice('namespace:'.length) as Namespace)
  if (row === undefined) return undefined
  const entries = await db
    .selectFrom('acl_entries')
    .select(['kind', 'subject', 'right'])
    .where('target', '=', target)
    .execute()
  const { namespace, name, user, group } = row
  const byUser: AclOwner | undefined = user === null ? undefined : { kind: 'user', subject: user }
  const owner: AclOwner | undefined = group === null ? byUser : { kind: 'group', subject: group }
  return { namespace, name, owner, entries }
}

async function imageOf(db: Db, uuid: string) {
  const row = await db
    .selectFrom('images')
    .leftJoin('users', 'users.id', 'images.owner')
    .select(['images.namespace', 'images.name', 'users.name as user'])
    .where('images.uuid', '=', uuid)
    .where('images.removed', '=', 0)
    .executeTakeFirst()
  return row === undefined ? undefined : { ...row, group: null }
}

async function namespaceOf(db: Db, namespace: Namespace) {
  const row = await db
    .selectFrom('namespaces')
    .leftJoin('users', 'users.id', 'namespaces.owner_user')
    .leftJoin('groups', 'groups.id', 'namespaces.owner_group')
    .select(['users.name as user', 'groups.name as group'])
    .where('namespaces.namespace', '=', namespace)
    .executeTakeFirst()
  return row === undefined ? undefined : { ...row, namespace, name: null }
}

/** Whether the tables say what the ACL says. An image of a group has no owner in its row. */
export function isCopied(acl: Acl, copy: CopiedAcl): boolean {
  const owner = acl.name !== null && acl.owner.kind === 'group' ? undefined : acl.owner
  const key = ({ kind, subject, right }: AclEntry) => `${kind} ${subject} ${right}`
  const said = new Set(acl.entries.map(key))
  return (
    owner?.kind === copy.owner?.kind &&
    owner?.subject === copy.owner?.subject &&
    said.size === copy.entries.length &&
    copy.entries.every((entry) => said.has(key(entry)))
  )
}
