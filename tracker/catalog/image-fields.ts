import type { Updateable } from 'kysely'
import { LimitError } from '../../src/core/errors.ts'
import { METADATA_FIELDS } from '../../src/core/metadata.ts'
import type { MetadataChange, MetadataValue } from '../../src/core/metadata-values.ts'
import { IMAGE_PROPERTIES_MAX } from '../../src/core/registry-limits.ts'
import type { Db } from './db.ts'
import type { CatalogSchema } from './schema.ts'

/** Fields that have a meaning beyond their value; others only ever become a column. */
const MEANING_MORE: ReadonlySet<string> = new Set(['name', 'namespace', 'state'])

/** Columns of `images` for what was said; names, owners, states and rights are not among them. */
export function imageColumns(fields: MetadataChange['fields']): Updateable<CatalogSchema['images']> {
  const given: Readonly<Record<string, MetadataValue | undefined>> = fields
  const columns: Record<string, string | number | null> = {}
  for (const { name, place } of METADATA_FIELDS) {
    const value = given[name]
    if (place.table !== 'images' || MEANING_MORE.has(name) || value === undefined) continue
    columns[place.column] = typeof value === 'boolean' ? Number(value) : value
  }
  return columns
}

/** Sets and removes free pairs of an image. Throws LimitError when it has too many then. */
export async function setProperties(
  trx: Db,
  image: number,
  properties: MetadataChange['properties'],
): Promise<void> {
  const given = Object.entries(properties)
  for (const [key, value] of given) {
    if (value === null) {
      await trx.deleteFrom('image_properties').where('image', '=', image).where('key', '=', key).execute()
    } else {
      await trx
        .insertInto('image_properties')
        .values({ image, key, value })
        .onConflict((on) => on.columns(['image', 'key']).doUpdateSet({ value }))
        .execute()
    }
  }
  if (given.length === 0) return
  const { pairs } = await trx
    .selectFrom('image_properties')
    .select((select) => select.fn.countAll<number>().as('pairs'))
    .where('image', '=', image)
    .executeTakeFirstOrThrow()
  if (pairs <= IMAGE_PROPERTIES_MAX) return
  throw new LimitError(`the image would have ${pairs} free properties; it may have ${IMAGE_PROPERTIES_MAX}`, {
    data: { limit: IMAGE_PROPERTIES_MAX },
  })
}
