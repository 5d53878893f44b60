import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { imageTarget } from '../../src/core/acl.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { ConflictError, NotFoundError } from '../../src/core/errors.ts'
import type { RecordSignature } from '../../src/core/record.ts'
import { DEFAULT_TAG, formatReference, type Reference, type Tag } from '../../src/core/reference.ts'
import type { AclBook } from '../acl/acl-book.ts'
import type { ChainTransactions } from '../acl/chain-transactions.ts'
import type { RecordBook } from '../acl/record-book.ts'
import { takeTurn } from './db.ts'
import { formerNumber } from './former-names.ts'
import { type Change, writeHistory } from './history-catalog.ts'
import { checkImageCount } from './image-counts.ts'
import { imageColumns, setProperties } from './image-fields.ts'
import {
  changeableRow,
  holdImage,
  type ImageKey,
  imageExists,
  imageRow,
  putTag,
  type StoredImage,
  type StoredVersion,
  selectImages,
  selectVersions,
  storedImage,
} from './image-rows.ts'
import { stepState } from './image-states.ts'
import { type NewImage, type NewVersion, UNSAID } from './new-images.ts'
import { nextVersion } from './next-version.ts'
import { padded, VALUES_PER_QUERY } from './padded.ts'
import { dropStaleProfiles } from './profile-catalog.ts'
import { checkQuota, type Quotas } from './quota.ts'
import type { CatalogSchema } from './schema.ts'

export interface ImageComponents {
  readonly db: Kysely<CatalogSchema>
  readonly acls: AclBook
  readonly records: RecordBook
  readonly transactions: ChainTransactions
}

/** Images, versions and tags. */
export class ImageCatalog {
  readonly #db: Kysely<CatalogSchema>
  readonly #acls: AclBook
  readonly #records: RecordBook
  readonly #transactions: ChainTransactions
  readonly #quotas: Quotas

  constructor(components: ImageComponents, init: { quotas: Quotas }) {
    this.#db = components.db
    this.#acls = components.acls
    this.#records = components.records
    this.#transactions = components.transactions
    this.#quotas = init.quotas
  }

  /**
   * Makes the image, with its ACL, in a namespace that exists. Returns false when the image exists. Errors: LimitError
   * when the namespace has too many images, QuotaError when the owner has.
   */
  async create(image: ImageKey, init: NewImage): Promise<boolean> {
    const { owner, author, nowMs, change = { fields: {}, properties: {} } } = init
    const { namespace, name } = image
    return await this.#transactions.run(async (trx) => {
      await takeTurn(trx, `images:${namespace}`)
      await holdImage(trx, image)
      if (await imageExists(trx, image)) return false
      await checkImageCount(trx, namespace)
      await checkQuota(trx, { owner: owner.id, images: 1 }, this.#quotas)
      const last = await formerNumber(trx, image)
      const uuid = randomUUID()
      const fresh = { uuid, owner: owner.id, created_at: nowMs, modified_at: nowMs, removed: 0 }
      const said = { ...imageColumns(change.fields), ...fresh }
      const row = await trx
        .insertInto('images')
        .values({ ...said, namespace, name, last_version: last })
        .onConflict((on) =>
          on
            .columns(['namespace', 'name'])
            .doUpdateSet({ ...UNSAID, ...said })
            .where('images.removed', '=', 1),
        )
        .returning('id')
        .executeTakeFirst()
      if (row === undefined) return false
      await trx
        .updateTable('images')
        .set({ last_version: last })
        .where('id', '=', row.id)
        .where('last_version', '<', last)
        .execute()
      await setProperties(trx, row.id, change.properties)
      const founder = { owner: { kind: 'user', subject: owner.name }, author } as const
      await this.#acls.foundImage(trx, { uuid, namespace, name, ...founder })
      for (const entry of init.entries ?? [])
        await this.#acls.grant(imageTarget(uuid), entry, { author, trx })
      await writeHistory(trx, { uuid, ...image }, { author, nowMs, action: 'created', details: {} })
      return true
    })
  }

  /** Throws NotFoundError. */
  async get(image: ImageKey): Promise<StoredImage> {
    return await imageRow(this.#db, image)
  }

  /** The images with these ids that still exist, in this order. */
  async byIds(ids: readonly number[]): Promise<StoredImage[]> {
    const found = new Map<number, StoredImage>()
    for (let at = 0; at < ids.length; at += VALUES_PER_QUERY) {
      const part = padded(ids.slice(at, at + VALUES_PER_QUERY), -1)
      const rows = await selectImages(this.#db).where('images.id', 'in', part).execute()
      for (const row of rows) found.set(row.id, storedImage(row))
    }
    return ids.flatMap((id) => found.get(id) ?? [])
  }

  /** Images of one or of all namespaces, by name. */
  async list(): Promise<StoredImage[]> {
    const rows = await selectImages(this.#db).orderBy('images.namespace').orderBy('images.name').execute()
    return rows.map(storedImage)
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

  /** The version that a reference names, checked against its signed chain. Throws NotFoundError, TamperedError. */
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
    const newest = query.orderBy('versions.version', 'desc').limit(1)
    const [row] = await this.#records.checked(() => newest.execute())
    if (row === undefined) throw new NotFoundError(`there is no image ${formatReference(reference)}`)
    return row
  }

  /** Every version with this manifest, checked against the signed chains. Throws TamperedError. */
  async withManifest(manifest: ManifestId): Promise<StoredVersion[]> {
    const query = selectVersions(this.#db).where('versions.manifest', '=', manifest)
    return await this.#records.checked(() => query.execute())
  }

  /** Every manifest that some version names: the roots of garbage collection. */
  async manifests(): Promise<ManifestId[]> {
    const rows = await this.#db.selectFrom('versions').select('manifest').distinct().execute()
    return rows.map((row) => row.manifest)
  }

  /**
   * Appends a version, lets the tags point to it, and closes the upload: all or nothing. Errors: NotFoundError when the upload
   * has ended, StateError when the image is read only, LimitError past IMAGE_VERSIONS_MAX, QuotaError when it does not fit into
   * what the owner of the image may have.
   */
  async addVersion(init: NewVersion): Promise<{ version: number; record: string }> {
    return await this.#transactions.run(async (trx) => {
      const { id, uuid, owner, ...named } = await nextVersion(trx, init)
      const { namespace, name, version } = named
      await checkQuota(trx, { owner, bytes: init.contentBytes }, this.#quotas)
      const { manifest, tracker, size, contentBytes, sha256, runs, publisher, nowMs } = init
      const facts = { manifest, size, sha256, publisher, signature: signatureOf(init, named), formerly: null }
      const [record = ''] = await this.#records.append(trx, uuid, [{ event: 'commit', ...named, ...facts }])
      const row = {
        manifest,
        size,
        content_bytes: contentBytes,
        sha256,
        runs,
        publisher,
        record,
        signature: init.publication?.token ?? null,
        created_at: nowMs,
      }
      await trx
        .insertInto('versions')
        .values({ image: id, version, ...row })
        .execute()
      await trx
        .insertInto('holdings')
        .values({ manifest, tracker })
        .onConflict((on) => on.doNothing())
        .execute()
      const by = { author: publisher, nowMs }
      const details = { version, size, manifest }
      await writeHistory(trx, { uuid, namespace, name }, { ...by, action: 'uploaded', details })
      for (const tag of init.tags) {
        await putTag(trx, { image: id, tag, version })
        await writeHistory(
          trx,
          { uuid, namespace, name },
          { ...by, action: 'tagged', details: { tag, version } },
        )
      }
      return { version, record }
    })
  }

  /** Throws NotFoundError when the image or the version does not exist, StateError when the image is read only. */
  async setTag(image: ImageKey, tag: Tag, init: Change & { version: number }): Promise<void> {
    const { version, ...by } = init
    await this.#db.transaction().execute(async (trx) => {
      const { id, uuid } = await changeableRow(trx, image)
      const row = await trx
        .selectFrom('versions')
        .select('version')
        .where('image', '=', id)
        .where('version', '=', version)
        .executeTakeFirst()
      if (row === undefined)
        throw new NotFoundError(`there is no image ${formatReference({ ...image, version })}`)
      await putTag(trx, { image: id, tag, version })
      await writeHistory(trx, { ...image, uuid }, { ...by, action: 'tagged', details: { tag, version } })
    })
  }

  /** Errors: NotFoundError, StateError when the image is read only. */
  async removeTag(image: ImageKey, tag: Tag, by: Change): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      const { id, uuid } = await changeableRow(trx, image)
      const query = trx.deleteFrom('tags').where('image', '=', id).where('tag', '=', tag)
      if ((await query.executeTakeFirst()).numDeletedRows === 0n)
        throw new NotFoundError(`there is no tag ${formatReference({ ...image, tag })}`)
      await writeHistory(trx, { ...image, uuid }, { ...by, action: 'untagged', details: { tag } })
    })
  }

  /** Removes a version and the tags that point to it. Its number is never given again. Errors: as removeTag. */
  async removeVersion(image: ImageKey, version: number, by: Change): Promise<void> {
    await this.#transactions.run(async (trx) => {
      const { id, uuid } = await changeableRow(trx, image)
      const query = trx.deleteFrom('versions').where('image', '=', id).where('version', '=', version)
      if ((await query.executeTakeFirst()).numDeletedRows === 0n) {
        throw new NotFoundError(`there is no image ${formatReference({ ...image, version })}`)
      }
      await this.#records.append(trx, uuid, [{ event: 'remove', version }])
      await dropStaleProfiles(trx, id)
      const { uploadedAtMs } = await trx
        .selectFrom('versions')
        .select((select) => select.fn.max('created_at').as('uploadedAtMs'))
        .where('image', '=', id)
        .executeTakeFirstOrThrow()
      if (uploadedAtMs === null) await stepState(trx, id, { event: 'emptied', by })
      await trx.updateTable('images').set({ uploaded_at: uploadedAtMs }).where('id', '=', id).execute()
      await writeHistory(trx, { ...image, uuid }, { ...by, action: 'version-removed', details: { version } })
    })
  }

  /** Removes an image with its versions, tags and open uploads, and ends its ACL. Errors: as removeTag. */
  async remove(image: ImageKey, by: Change): Promise<void> {
    await this.#transactions.run(async (trx) => {
      const { id, uuid } = await changeableRow(trx, image)
      await trx.updateTable('images').set({ removed: 1 }).where('id', '=', id).execute()
      await this.#acls.end(imageTarget(uuid), { author: by.author, trx })
      await this.#records.end(trx, uuid)
      await trx.deleteFrom('versions').where('image', '=', id).execute()
      await dropStaleProfiles(trx, id)
      await trx.deleteFrom('uploads').where('image', '=', id).execute()
      await trx.deleteFrom('image_properties').where('image', '=', id).execute()
      // Without versions there are no numbers to remember.
      await trx.deleteFrom('images').where('id', '=', id).where('last_version', '=', 0).execute()
      await writeHistory(trx, { ...image, uuid }, { ...by, action: 'removed', details: {} })
    })
  }
}

/** Throws ConflictError when the image was renamed since it was signed for. */
function signatureOf({ publication }: NewVersion, named: ImageKey): RecordSignature | null {
  if (publication === undefined) return null
  const { digest, signer, at, namespace, name } = publication
  if (namespace !== named.namespace || name !== named.name)
    throw new ConflictError(`${namespace}/${name} is ${named.namespace}/${named.name} by now: push again`)
  return { digest, signer, at }
}
