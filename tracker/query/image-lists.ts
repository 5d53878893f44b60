import { type Kysely, sql } from 'kysely'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Namespace } from '../../src/core/reference.ts'
import { LIST_ROWS_MAX } from '../../src/core/registry-limits.ts'
import type { Asker } from '../access/asker.ts'
import { type StoredImage, type StoredVersion, selectImages, storedImage } from '../catalog/image-rows.ts'
import type { CatalogSchema } from '../catalog/schema.ts'
import { byImage, entriesFor, type Part, readable } from './visibility.ts'

/** Which of the images that the asker may read. Sharing is an entry of an image's own ACL for a user or a group. */
export interface ImageFilter {
  readonly namespace?: Namespace
  readonly owner?: { readonly id: number }
  /** With a user, directly or through groups, what is the user's own left out. */
  readonly sharedWithUser?: { readonly id: number; readonly name: string }
  readonly sharedWithGroup?: { readonly name: string }
  /** With anybody at all. */
  readonly isShared?: boolean
}

export interface ListPage {
  readonly nowMs: number
  /** LIST_ROWS_MAX unless given. */
  readonly limit?: number
  readonly offset?: number
}

/** Lists of images, one statement each, by namespace and name. */
export class ImageLists {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  async list(asker: Asker, filter: ImageFilter, page: ListPage): Promise<StoredImage[]> {
    const { nowMs, limit = LIST_ROWS_MAX, offset = 0 } = page
    let query = selectImages(this.#db).where(readable(asker, nowMs))
    for (const part of partsOf(filter)) query = query.where(part)
    const rows = await query
      .orderBy('images.namespace')
      .orderBy('images.name')
      .limit(limit)
      .offset(offset)
      .execute()
    return rows.map(storedImage)
  }

  /** Versions with these manifests of images that the asker may read, up to LIST_ROWS_MAX, by namespace, name and number. */
  async versions(
    asker: Asker,
    init: { manifests: readonly ManifestId[]; nowMs: number },
  ): Promise<Pick<StoredVersion, 'manifest' | 'namespace' | 'name' | 'version'>[]> {
    return await this.#db
      .selectFrom('versions')
      .innerJoin('images', 'images.id', 'versions.image')
      .select(['versions.manifest', 'images.namespace', 'images.name', 'versions.version'])
      .where('versions.manifest', 'in', init.manifests)
      .where(readable(asker, init.nowMs))
      .orderBy('images.namespace')
      .orderBy('images.name')
      .orderBy('versions.version')
      .limit(LIST_ROWS_MAX)
      .execute()
  }
}

function partsOf(filter: ImageFilter): Part[] {
  const { namespace, owner, sharedWithUser, sharedWithGroup, isShared } = filter
  const parts: Part[] = []
  if (namespace !== undefined) parts.push(sql`images.namespace = ${namespace}`)
  if (owner !== undefined) parts.push(sql`images.owner = ${owner.id}`)
  if (sharedWithUser !== undefined) {
    parts.push(
      byImage(entriesFor(sharedWithUser)),
      sql`(images.owner is null or images.owner <> ${sharedWithUser.id})`,
    )
  }
  if (sharedWithGroup !== undefined) {
    const { name } = sharedWithGroup
    parts.push(byImage([sql`acl_entries.kind = 'group' and acl_entries.subject = ${name}`]))
  }
  if (isShared === true)
    parts.push(sql`exists (select 1 from acl_entries
      where acl_entries.target = 'image:' || images.uuid and acl_entries.kind in ('user', 'group'))`)
  return parts
}
