import type { AclEntry } from '../../src/core/acl.ts'
import { InvalidError, NotAuthorisedError } from '../../src/core/errors.ts'
import { NODES_GROUP, PROTECTED_GROUPS, USERS_GROUP } from '../../src/core/permission.ts'
import type { UserAsker } from '../access/asker.ts'
import { type Db, takeTurn } from '../catalog/db.ts'
import { padded } from '../catalog/padded.ts'

type Subject = Pick<AclEntry, 'kind' | 'subject'>

const TABLES = { user: 'users', group: 'groups', node: 'nodes' } as const

/**
 * Who may be named in an entry: somebody who exists, and of groups, for who is no admin, those that one is in oneself, all users
 * and all nodes. Errors: InvalidError, NotAuthorisedError.
 */
export async function checkSubject(db: Db, asker: UserAsker, entry: Subject): Promise<void> {
  const { kind, subject } = entry
  if (kind === 'anyone') {
    if (subject !== '') throw new InvalidError('anyone has no name: leave the subject out')
    return
  }
  await checkExist(db, [entry])
  const isTheirs = asker.admin || kind !== 'group' || asker.groups.has(subject)
  if (!isTheirs && subject !== NODES_GROUP && subject !== USERS_GROUP)
    throw new NotAuthorisedError(
      `${asker.name} is no member of the group ${subject}: members and admins share with it`,
    )
}

/** Throws InvalidError when one of these is nobody's name. */
export async function checkExist(db: Db, entries: readonly Subject[]): Promise<void> {
  for (const [kind, table] of Object.entries(TABLES)) {
    const names = entries.flatMap((entry) => (entry.kind === kind && !isNodes(entry) ? [entry.subject] : []))
    if (names.length === 0) continue
    // The tables are of one shape as far as this goes.
    const rows = db
      .selectFrom(table as 'users')
      .select('name')
      .where('name', 'in', padded(names, ''))
    const known = new Set((await rows.execute()).map(({ name }) => name))
    const unknown = names.find((name) => !known.has(name))
    if (unknown === undefined) continue
    throw new InvalidError(`there is no ${kind} ${unknown.slice(0, 200)}`, { data: { field: 'subject' } })
  }
}

/**
 * Before a change that names them: nobody of these is removed or called otherwise until the transaction has ended. An entry for somebody who
 * is gone would be for whoever has the name next.
 */
export async function holdSubjects(trx: Db, entries: readonly Subject[]): Promise<void> {
  const named = entries.filter(({ kind, subject }) => kind !== 'anyone' && !PROTECTED_GROUPS.has(subject))
  if (named.some(({ kind }) => kind !== 'node')) await takeTurn(trx, 'names')
  if (named.some(({ kind }) => kind === 'node')) await takeTurn(trx, 'nodes')
}

/** They are a group without a row. */
function isNodes({ kind, subject }: Subject): boolean {
  return kind === 'group' && subject === NODES_GROUP
}
