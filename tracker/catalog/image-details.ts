import type { Kysely } from 'kysely'
import type { AclEntry } from '../../src/core/acl.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Tag } from '../../src/core/reference.ts'
import type { StoredImage } from './image-rows.ts'
import { padded, VALUES_PER_QUERY } from './padded.ts'
import type { CatalogSchema } from './schema.ts'

/** A version without its record, which is large. */
export interface VersionSummary {
  readonly version: number
  readonly manifest: ManifestId
  readonly size: number
  readonly contentBytes: number
  readonly sha256: string | null
  readonly publisher: string
  /** Whether the publisher signed it as well. */
  readonly signed: boolean
  readonly createdAtMs: number
}

/** What is kept of an image outside its row. */
export interface ImageDetails {
  /** Oldest first. */
  readonly versions: readonly VersionSummary[]
  readonly tags: readonly { readonly tag: Tag; readonly version: number }[]
  readonly properties: Readonly<Record<string, string>>
  /** Of its own ACL. */
  readonly entries: readonly AclEntry[]
  /** Of the ACL of its namespace. */
  readonly namespaceEntries: readonly AclEntry[]
}

/** Reads what belongs to many images in one query for each kind, whatever their number. */
export class ImageDetailsCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** The details of each image, in their order. */
  async of(images: readonly StoredImage[]): Promise<ImageDetails[]> {
    const details: ImageDetails[] = []
    for (let at = 0; at < images.length; at += VALUES_PER_QUERY)
      details.push(...(await this.#ofSome(images.slice(at, at + VALUES_PER_QUERY))))
    return details
  }

  async #ofSome(images: readonly StoredImage[]): Promise<ImageDetails[]> {
    const ids = padded(
      images.map(({ id }) => id),
      -1,
    )
    const versions = Map.groupBy(await this.#versions(ids), (row) => row.image)
    const tags = Map.groupBy(await this.#tags(ids), (row) => row.image)
    const properties = Map.groupBy(await this.#properties(ids), (row) => row.image)
    const entries = await this.#entries(images)
    return images.map(({ id, uuid, namespace }) => ({
      versions: (versions.get(id) ?? []).map(({ signed, ...row }) => ({ ...row, signed: Boolean(signed) })),
      tags: tags.get(id) ?? [],
      properties: Object.fromEntries((properties.get(id) ?? []).map(({ key, value }) => [key, value])),
      entries: entries.get(`image:${uuid}`) ?? [],
      namespaceEntries: entries.get(`namespace:${namespace}`) ?? [],
    }))
  }

  async #versions(ids: readonly number[]) {
    return await this.#db
      .selectFrom('versions')
      .select(['image', 'version', 'manifest', 'size', 'content_bytes as contentBytes', 'sha256'])
      .select(['publisher', 'created_at as createdAtMs'])
      .select((eb) => eb('signature', 'is not', null).as('signed'))
      .where('image', 'in', ids)
      .orderBy('image')
      .orderBy('version')
      .execute()
  }

  async #tags(ids: readonly number[]) {
    return await this.#db.selectFrom('tags').selectAll().where('image', 'in', ids).orderBy('tag').execute()
  }

  async #properties(ids: readonly number[]) {
    const rows = this.#db.selectFrom('image_properties').selectAll().where('image', 'in', ids)
    return await rows.orderBy('key').execute()
  }

  async #entries(images: readonly StoredImage[]): Promise<ReadonlyMap<string, readonly AclEntry[]>> {
    const namespaces = new Set(images.map(({ namespace }) => `namespace:${namespace}`))
    const targets = padded([...images.map(({ uuid }) => `image:${uuid}`), ...namespaces], '')
    const rows = await this.#db
      .selectFrom('acl_entries')
      .select(['target', 'kind', 'subject', 'right'])
      .where('target', 'in', targets)
      .orderBy('subject')
      .execute()
    return Map.groupBy(rows, (row) => row.target)
  }
}
