import { type Kysely, sql } from 'kysely'
import type { ManifestId } from '../../src/core/cid.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import {
  DEFAULT_TAG,
  formatReference,
  type ImageName,
  type Namespace,
  type Reference,
  type Tag,
} from '../../src/core/reference.ts'
import { checkImageCount, type Db, makeNamespace } from './image-counts.ts'
import type { CatalogSchema } from './schema.ts'

export interface ImageKey {
  readonly namespace: Namespace
  readonly name: ImageName
}

/** One version as it was committed. */
export interface StoredVersion extends ImageKey {
  readonly version: number
  readonly manifest: ManifestId
  readonly size: number
  readonly sha256: string | null
  /** Runs of the manifest: size of the have bitmap. */
  readonly runs: number
  readonly publisher: string
  /** The signed record, a compact JWS. */
  readonly record: string
  readonly createdAtMs: number
}

/** An image that exists, and its row. */
export interface StoredImage extends ImageKey {
  readonly id: number
  readonly owner: string
  readonly createdAtMs: number
}

export interface NewVersion {
  readonly upload: string
  readonly manifest: ManifestId
  readonly size: number
  readonly sha256: string | null
  readonly runs: number
  readonly publisher: string
  readonly tags: readonly Tag[]
  readonly nowMs: number
  /** Signs the record of the version that the image is given. */
  sign(version: number): Promise<string>
}

/** Namespaces, images, versions and tags. */
export class ImageCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** Distinguished name of the owner, or undefined while nobody has pushed into the namespace. */
  async ownerOf(namespace: Namespace): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom('namespaces')
      .select('owner')
      .where('namespace', '=', namespace)
      .executeTakeFirst()
    return row?.owner
  }

  async namespacesOf(owner: string): Promise<Namespace[]> {
    const query = this.#db.selectFrom('namespaces').select('namespace').where('owner', '=', owner)
    return (await query.orderBy('namespace').execute()).map((row) => row.namespace)
  }

  /**
   * Makes the image, and the namespace for `owner` where it is new. Returns false when the image exists. Errors: LimitError
   * when the owner has too many namespaces or the namespace too many images.
   */
  async create(image: ImageKey, init: { owner: string; nowMs: number }): Promise<boolean> {
    const { namespace, name } = image
    const created_at = init.nowMs
    return await this.#db.transaction().execute(async (trx) => {
      const row = { namespace, name, created_at, last_version: 0, removed: 0 }
      if (await imageExists(trx, image)) return false
      await makeNamespace(trx, { namespace, owner: init.owner, created_at })
      await checkImageCount(trx, namespace)
      await trx
        .insertInto('images')
        .values(row)
        .onConflict((on) => on.columns(['namespace', 'name']).doUpdateSet({ removed: 0, created_at }))
        .execute()
      return true
    })
  }

  /** Throws NotFoundError. */
  async get(image: ImageKey): Promise<StoredImage> {
    return await imageRow(this.#db, image)
  }

  /** Images of one or of all namespaces, by name. */
  async list(): Promise<StoredImage[]> {
    return await selectImages(this.#db).orderBy('images.namespace').orderBy('images.name').execute()
  }

  /** Versions, oldest first, of one image or of all. */
  async versions(image?: StoredImage): Promise<(StoredVersion & { image: number })[]> {
    const query = selectVersions(this.#db).orderBy('versions.image').orderBy('versions.version')
    return await (image === undefined ? query : query.where('versions.image', '=', image.id)).execute()
  }

  async tags(image?: StoredImage): Promise<{ image: number; tag: Tag; version: number }[]> {
    const query = this.#db.selectFrom('tags').selectAll().orderBy('tag')
    return await (image === undefined ? query : query.where('image', '=', image.id)).execute()
  }

  /** The version that a reference names. Throws NotFoundError. */
  async resolve(reference: Reference): Promise<StoredVersion> {
    const { namespace, name, tag, version, manifest } = reference
    let query = selectVersions(this.#db)
      .where('images.namespace', '=', namespace)
      .where('images.name', '=', name)
    if (version !== undefined) query = query.where('versions.version', '=', version)
    else if (manifest !== undefined) query = query.where('versions.manifest', '=', manifest)
    else {
      query = query.where('versions.version', '=', (sub) =>
        sub
          .selectFrom('tags')
          .select('tags.version')
          .whereRef('tags.image', '=', 'images.id')
          .where('tags.tag', '=', tag ?? DEFAULT_TAG),
      )
    }
    const row = await query.orderBy('versions.version', 'desc').limit(1).executeTakeFirst()
    if (row === undefined) throw new NotFoundError(`there is no image ${formatReference(reference)}`)
    return row
  }

  /** Every version with this manifest. */
  async withManifest(manifest: ManifestId): Promise<StoredVersion[]> {
    return await selectVersions(this.#db).where('versions.manifest', '=', manifest).execute()
  }

  /** Every manifest that some version names: the roots of garbage collection. */
  async manifests(): Promise<ManifestId[]> {
    const rows = await this.#db.selectFrom('versions').select('manifest').distinct().execute()
    return rows.map((row) => row.manifest)
  }

  /** Appends a version, lets the tags point to it, and closes the upload: all or nothing. */
  async addVersion(init: NewVersion): Promise<{ version: number; record: string }> {
    return await this.#db.transaction().execute(async (trx) => {
      const removed = await trx
        .deleteFrom('uploads')
        .where('upload', '=', init.upload)
        .returning('image')
        .executeTakeFirst()
      if (removed === undefined) throw new NotFoundError('the upload has ended')
      const { last_version: version } = await trx
        .updateTable('images')
        .set({ last_version: sql<number>`last_version + 1`, removed: 0 })
        .where('id', '=', removed.image)
        .returning('last_version')
        .executeTakeFirstOrThrow()
      const record = await init.sign(version)
      const { manifest, size, sha256, runs, publisher, nowMs } = init
      const row = { manifest, size, sha256, runs, publisher, record, created_at: nowMs }
      await trx
        .insertInto('versions')
        .values({ image: removed.image, version, ...row })
        .execute()
      for (const tag of init.tags) await putTag(trx, { image: removed.image, tag, version })
      return { version, record }
    })
  }

  /** Throws NotFoundError when the image or the version does not exist. */
  async setTag(image: ImageKey, tag: Tag, version: number): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      const { id } = await imageRow(trx, image)
      const row = await trx
        .selectFrom('versions')
        .select('version')
        .where('image', '=', id)
        .where('version', '=', version)
        .executeTakeFirst()
      if (row === undefined)
        throw new NotFoundError(`there is no image ${formatReference({ ...image, version })}`)
      await putTag(trx, { image: id, tag, version })
    })
  }

  /** Throws NotFoundError. */
  async removeTag(image: ImageKey, tag: Tag): Promise<void> {
    const { id } = await this.get(image)
    const result = await this.#db
      .deleteFrom('tags')
      .where('image', '=', id)
      .where('tag', '=', tag)
      .executeTakeFirst()
    if (result.numDeletedRows === 0n) {
      throw new NotFoundError(`there is no tag ${formatReference({ ...image, tag })}`)
    }
  }

  /** Removes a version and the tags that point to it. Its number is never given again. Throws NotFoundError. */
  async removeVersion(image: ImageKey, version: number): Promise<void> {
    const { id } = await this.get(image)
    const query = this.#db.deleteFrom('versions').where('image', '=', id).where('version', '=', version)
    if ((await query.executeTakeFirst()).numDeletedRows === 0n) {
      throw new NotFoundError(`there is no image ${formatReference({ ...image, version })}`)
    }
  }

  /** Removes an image with its versions, tags and open uploads. Throws NotFoundError. */
  async remove(image: ImageKey): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      const { id } = await imageRow(trx, image)
      await trx.deleteFrom('versions').where('image', '=', id).execute()
      await trx.deleteFrom('uploads').where('image', '=', id).execute()
      // Without versions there are no numbers to remember.
      await trx.deleteFrom('images').where('id', '=', id).where('last_version', '=', 0).execute()
      await trx.updateTable('images').set({ removed: 1 }).where('id', '=', id).execute()
    })
  }
}

async function imageExists(db: Db, image: ImageKey): Promise<boolean> {
  const { namespace, name } = image
  const rows = db
    .selectFrom('images')
    .select('id')
    .where('namespace', '=', namespace)
    .where('name', '=', name)
  return (await rows.where('removed', '=', 0).executeTakeFirst()) !== undefined
}

async function imageRow(db: Db, image: ImageKey): Promise<StoredImage> {
  const row = await selectImages(db)
    .where('images.namespace', '=', image.namespace)
    .where('images.name', '=', image.name)
    .executeTakeFirst()
  if (row === undefined) throw new NotFoundError(`there is no image ${image.namespace}/${image.name}`)
  return row
}

function selectImages(db: Db) {
  return db
    .selectFrom('images')
    .innerJoin('namespaces', 'namespaces.namespace', 'images.namespace')
    .where('images.removed', '=', 0)
    .select([
      'images.id',
      'images.namespace',
      'images.name',
      'namespaces.owner',
      'images.created_at as createdAtMs',
    ])
}

function selectVersions(db: Db) {
  return db
    .selectFrom('versions')
    .innerJoin('images', 'images.id', 'versions.image')
    .select(['versions.image', 'images.namespace', 'images.name', 'versions.version', 'versions.manifest'])
    .select(['versions.size', 'versions.sha256', 'versions.runs', 'versions.publisher', 'versions.record'])
    .select('versions.created_at as createdAtMs')
}

async function putTag(trx: Db, row: { image: number; tag: Tag; version: number }): Promise<void> {
  const { version } = row
  await trx
    .insertInto('tags')
    .values(row)
    .onConflict((on) => on.columns(['image', 'tag']).doUpdateSet({ version }))
    .execute()
}
