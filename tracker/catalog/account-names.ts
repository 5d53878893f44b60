import { isReservedNamespace } from '../../src/api/tracker-paths.ts'
import { ConflictError } from '../../src/core/errors.ts'
import { PROTECTED_GROUPS } from '../../src/core/permission.ts'
import type { Namespace } from '../../src/core/reference.ts'
import type { Db } from './db.ts'

/** What has a name that users, groups and namespaces share; undefined while it is free. */
export type NameHolder = 'user' | 'group' | 'namespace' | 'word of the interface'

export async function holderOf(db: Db, name: string): Promise<NameHolder | undefined> {
  if (isReservedNamespace(name)) return 'word of the interface'
  if (PROTECTED_GROUPS.has(name)) return 'group'
  const rows = [
    ['user', db.selectFrom('users').select('id').where('name', '=', name)],
    ['group', db.selectFrom('groups').select('id').where('name', '=', name)],
    [
      'namespace',
      db
        .selectFrom('namespaces')
        .select('created_at')
        .where('namespace', '=', name as Namespace),
    ],
  ] as const
  for (const [holder, query] of rows) if ((await query.executeTakeFirst()) !== undefined) return holder
  return undefined
}

/** Throws ConflictError unless nobody has this name: images of one would look like those of another. */
export async function checkNameIsFree(trx: Db, name: string): Promise<void> {
  const holder = await holderOf(trx, name)
  if (holder === undefined) return
  throw new ConflictError(`there is a ${holder} called ${name}: take another name`, {
    data: { name, holder },
  })
}
