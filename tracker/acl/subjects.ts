import type { AclEntry } from '../../src/core/acl.ts'
import { InvalidError, NotAuthorisedError } from '../../src/core/errors.ts'
import { NODES_GROUP, USERS_GROUP } from '../../src/core/permission.ts'
import type { UserAsker } from '../access/asker.ts'
import type { Db } from '../catalog/db.ts'

const TABLES = { user: 'users', group: 'groups', node: 'nodes' } as const

/**
 * Who may be named in an entry: somebody who exists, and of groups, for who is no admin, those that one is in oneself, all users
 * and all nodes. Errors: InvalidError, NotAuthorisedError.
 */
export async function checkSubject(
  db: Db,
  asker: UserAsker,
  entry: Pick<AclEntry, 'kind' | 'subject'>,
): Promise<void> {
  const { kind, subject } = entry
  if (kind === 'anyone') {
    if (subject !== '') throw new InvalidError('anyone has no name: leave the subject out')
    return
  }
  if (!(await exists(db, entry)))
    throw new InvalidError(`there is no ${kind} ${subject.slice(0, 200)}`, { data: { field: 'subject' } })
  const isTheirs = asker.admin || kind !== 'group' || asker.groups.has(subject)
  if (!isTheirs && subject !== NODES_GROUP && subject !== USERS_GROUP)
    throw new NotAuthorisedError(
      `${asker.name} is no member of the group ${subject}: members and admins share with it`,
    )
}

async function exists(db: Db, { kind, subject }: Pick<AclEntry, 'kind' | 'subject'>): Promise<boolean> {
  if (kind === 'anyone' || (kind === 'group' && subject === NODES_GROUP)) return true
  const rows = db
    .selectFrom(TABLES[kind] as 'users')
    .select('name')
    .where('name', '=', subject)
  return (await rows.executeTakeFirst()) !== undefined
}
