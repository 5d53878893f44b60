import type { ImageName, Namespace } from '../../src/core/reference.ts'
import type { Db } from './db.ts'

interface Name {
  readonly namespace: Namespace
  readonly name: ImageName
}

/** The highest version that an image, which has another name now, had under this one; 0 for a name that none has had. */
export async function formerNumber(db: Db, key: Name, besides = ''): Promise<number> {
  const row = await db
    .selectFrom('former_names')
    .select('last_version')
    .where('namespace', '=', key.namespace)
    .where('name', '=', key.name)
    .where('uuid', '!=', besides)
    .executeTakeFirst()
  return row?.last_version ?? 0
}

/** Remembers the numbers that an image had under a name that it gives up. */
export async function rememberName(
  trx: Db,
  key: Name,
  image: { uuid: string; lastVersion: number },
): Promise<void> {
  const last_version = Math.max(image.lastVersion, await formerNumber(trx, key))
  await trx
    .insertInto('former_names')
    .values({ namespace: key.namespace, name: key.name, uuid: image.uuid, last_version })
    .onConflict((on) => on.columns(['namespace', 'name']).doUpdateSet({ uuid: image.uuid, last_version }))
    .execute()
}
