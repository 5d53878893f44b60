import { sql } from 'kysely'
import { fieldNamed, type MetadataField } from '../../src/core/metadata.ts'
import { USERS_GROUP } from '../../src/core/permission.ts'
import type { QueryField } from '../../src/core/query.ts'
import { givenTo, type Part } from './visibility.ts'

/** Rows of `images` that exist, each with its owner and its newest version. Both are left out where nothing asks for them. */
export const FROM_IMAGES: Part<unknown> = sql`from images
  left join users on users.id = images.owner
  left join versions on versions.image = images.id and versions.version =
    (select max(others.version) from versions as others where others.image = images.id)
  where images.removed = 0`

const TABLES = { images: 'images', version: 'versions', owner: 'users' } as const

/** A field of the table of metadata; undefined for a free pair. */
export function tableField(field: QueryField): MetadataField | undefined {
  return field.kind === 'field' ? fieldNamed(field.name) : undefined
}

/** What a field is in SQL. Texts are never null; flags are true and false; `uri` and the like are empty. */
export function columnOf(field: QueryField): Part<unknown> {
  if (field.kind === 'property') return pair(field.key)
  const known = tableField(field)
  if (known === undefined) return sql`''`
  const { place, type, name } = known
  if (place.column === undefined) {
    if (place.table === 'property') return pair(name)
    return place.table === 'acl' ? ofAcl(name) : computed(name)
  }
  const column = sql.ref(`${TABLES[place.table]}.${place.column}`)
  if (type === 'flag') return sql`${column} = 1`
  return type === 'text' && place.table !== 'images' ? sql`coalesce(${column}, '')` : column
}

/** One free pair of the image; empty where there is none. */
function pair(key: string): Part<unknown> {
  return sql`coalesce((select image_properties.value from image_properties
    where image_properties.image = images.id and image_properties.key = ${key}), '')`
}

function ofAcl(name: string): Part<unknown> {
  const anyone = givenTo('anyone', '')
  if (name === 'unauthenticated_access') return anyone
  return sql`case when ${givenTo('group', USERS_GROUP)} or ${anyone} then 'public' else 'private' end`
}

function computed(name: string): Part<unknown> {
  return name === 'raw_file_uploaded' ? sql`images.uploaded_at is not null` : sql`''`
}
