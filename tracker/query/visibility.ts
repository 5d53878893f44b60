import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { NODES_GROUP } from '../../src/core/permission.ts'
import type { Asker, UserAsker } from '../access/asker.ts'

/** What `sql` makes: a part of a statement, its values bound. */
export type Part<T = SqlBool> = RawBuilder<T>

/**
 * Whether the asker may read a row of `images`, as AccessControl.rightTo decides it, for lists: from the copy of the ACLs in
 * `acl_entries`. Every list is looked up once for the statement, not once for a row.
 */
export function readable(asker: Asker, nowMs: number): Part {
  if (asker.admin || asker.kind === 'tracker') return sql`true`
  const inForce = sql`(images.expires_at is null or images.expires_at > ${nowMs})`
  const open = sql`(images.state <> 'locked' or images.uploaded_at is null)`
  const meant = entriesMeantFor(asker)
  const writes = sql`${sql.ref('acl_entries.right')} <> 'read'`
  const mayWrite = meant.map((entry) => sql<SqlBool>`${entry} and ${writes}`)
  // Each on its own with what it needs, so that a database can find each by an index. What its owner locked is rare.
  const ways = [byNamespace, byImage].map(
    (way) =>
      sql<SqlBool>`(${way(meant)} and ${inForce} and (${open} or ${byNamespace(mayWrite)} or ${byImage(mayWrite)}))`,
  )
  if (asker.kind === 'user') {
    ways.push(sql`images.owner = ${asker.id}`)
    for (const way of waysOfUser(asker)) ways.push(sql`(${way} and ${inForce})`)
  }
  return sql`(${sql.join(ways, sql` or `)})`
}

/** Whether an ACL entry of the image or of its namespace is for this group, or for anybody. */
export function givenTo(kind: 'group' | 'anyone', subject: string): Part {
  const entries = [sql<SqlBool>`acl_entries.kind = ${kind} and acl_entries.subject = ${subject}`]
  return sql`(${byNamespace(entries)} or ${byImage(entries)})`
}

/** Whether an entry of the image's own ACL is one of these. */
export function byImage(entries: readonly Part[]): Part {
  return sql`images.uuid in (${targets('image:', entries)})`
}

function byNamespace(entries: readonly Part[]): Part {
  return sql`images.namespace in (${targets('namespace:', entries)})`
}

/**
 * Names in targets of this kind: what follows `image:` and `namespace:`. A list for each sort of entry, one after the other: of
 * alternatives within one list a database would look at every entry that there is.
 */
function targets(prefix: string, entries: readonly Part[]): Part<string> {
  const name = sql`substr(acl_entries.target, ${sql.lit(prefix.length + 1)})`
  const first = sql`substr(acl_entries.target, 1, ${sql.lit(prefix.length)})`
  const lists = entries.map(
    (entry) => sql`select ${name} from acl_entries where ${entry} and ${first} = ${sql.lit(prefix)}`,
  )
  return sql`${sql.join(lists, sql` union all `)}`
}

/** Groups of a user, by name. */
export function groupsOf(user: number): Part<string> {
  return sql`select groups.name from memberships inner join groups on groups.id = memberships.group_id
    where memberships.user_id = ${user}`
}

function entriesMeantFor(asker: Exclude<Asker, { kind: 'tracker' }>): Part[] {
  const entries: Part[] = [sql`acl_entries.kind = 'anyone'`]
  if (asker.kind === 'node') {
    entries.push(sql`acl_entries.kind = 'node' and acl_entries.subject = ${asker.name}`)
    entries.push(sql`acl_entries.kind = 'group' and acl_entries.subject = ${NODES_GROUP}`)
  }
  if (asker.kind === 'user') entries.push(...entriesFor(asker))
  return entries
}

/** Entries for a user: by name, and for the groups. */
export function entriesFor(user: { readonly id: number; readonly name: string }): Part[] {
  return [
    sql`acl_entries.kind = 'user' and acl_entries.subject = ${user.name}`,
    sql`acl_entries.kind = 'group' and acl_entries.subject in (${groupsOf(user.id)})`,
  ]
}

/** What namespaces give. */
function waysOfUser({ id }: UserAsker): Part[] {
  const own = sql`select namespace from namespaces where owner_user = ${id}`
  const ofGroups = sql`select namespace from namespaces where owner_group in
    (select group_id from memberships where user_id = ${id})`
  return [sql`images.namespace in (${own})`, sql`images.namespace in (${ofGroups})`]
}
