import type { ManifestId } from '../../src/core/cid.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import type { ImageState } from '../../src/core/permission.ts'
import type { ImageName, Namespace, Tag } from '../../src/core/reference.ts'
import { type Db, holdImages } from './db.ts'
import { readOnly } from './next-version.ts'

export interface ImageKey {
  readonly namespace: Namespace
  readonly name: ImageName
}

/** One version as it was committed. */
export interface StoredVersion extends ImageKey {
  /** Of the image. */
  readonly uuid: string
  readonly version: number
  readonly manifest: ManifestId
  readonly size: number
  readonly sha256: string | null
  /** Bytes without the zero pages. */
  readonly contentBytes: number
  /** Runs of the manifest: size of the have bitmap. */
  readonly runs: number
  readonly publisher: string
  /** The signed record, a compact JWS. */
  readonly record: string
  readonly createdAtMs: number
}

/** An image that exists, and its row. Times in milliseconds since the epoch. */
export interface StoredImage extends ImageKey, ImageMetadata {
  readonly id: number
  readonly uuid: string
  /** The user who made it. */
  readonly ownerId: number | null
  readonly ownerName: string | null
  readonly ownerDn: string | null
  readonly state: ImageState
  readonly createdAtMs: number
  readonly modifiedAtMs: number
  readonly uploadedAtMs: number | null
  readonly accessCount: number
  readonly accessedAtMs: number | null
}

/** What people say of an image. Texts are empty where nothing is said. */
export interface ImageMetadata {
  readonly description: string
  readonly osVariant: string
  readonly osType: string
  readonly osArch: string
  /** Comma-separated. */
  readonly hypervisor: string
  readonly imageType: string
  readonly format: string
  readonly kernel: string
  readonly ramdisk: string
  /** Comma-separated. */
  readonly keywords: string
  readonly expiresAtMs: number | null
  readonly readOnly: boolean
}

export async function imageExists(db: Db, image: ImageKey): Promise<boolean> {
  const { namespace, name } = image
  const rows = db
    .selectFrom('images')
    .select('id')
    .where('namespace', '=', namespace)
    .where('name', '=', name)
  return (await rows.where('removed', '=', 0).executeTakeFirst()) !== undefined
}

/** Also that of a removed image, which one of the same name takes over. */
export async function holdImage(trx: Db, { namespace, name }: ImageKey): Promise<void> {
  await holdImages(trx, (images) => images.where('namespace', '=', namespace).where('name', '=', name))
}

/** Throws NotFoundError, and StateError when the image is read only. */
export async function changeableRow(trx: Db, image: ImageKey): Promise<StoredImage> {
  await holdImage(trx, image)
  const row = await imageRow(trx, image)
  if (row.readOnly) throw readOnly(`${image.namespace}/${image.name}`)
  return row
}

/** Throws NotFoundError. */
export async function imageRow(db: Db, image: ImageKey): Promise<StoredImage> {
  const row = await selectImages(db)
    .where('images.namespace', '=', image.namespace)
    .where('images.name', '=', image.name)
    .executeTakeFirst()
  if (row === undefined) throw new NotFoundError(`there is no image ${image.namespace}/${image.name}`)
  return storedImage(row)
}

export function selectImages(db: Db) {
  return db
    .selectFrom('images')
    .leftJoin('users', 'users.id', 'images.owner')
    .where('images.removed', '=', 0)
    .select(['images.id', 'images.uuid', 'images.namespace', 'images.name', 'images.state'])
    .select(['images.owner as ownerId', 'users.name as ownerName', 'users.dn as ownerDn'])
    .select(['images.created_at as createdAtMs', 'images.modified_at as modifiedAtMs'])
    .select(['images.uploaded_at as uploadedAtMs', 'images.accessed_at as accessedAtMs'])
    .select(['images.access_count as accessCount', 'images.description', 'images.os_variant as osVariant'])
    .select(['images.os_type as osType', 'images.os_arch as osArch', 'images.hypervisor', 'images.format'])
    .select(['images.image_type as imageType', 'images.kernel', 'images.ramdisk', 'images.keywords'])
    .select(['images.expires_at as expiresAtMs', 'images.read_only as readOnly'])
}

export function storedImage<Row extends { readOnly: number }>(row: Row) {
  return { ...row, readOnly: row.readOnly !== 0 }
}

export function selectVersions(db: Db) {
  return db
    .selectFrom('versions')
    .innerJoin('images', 'images.id', 'versions.image')
    .select([
      'images.uuid',
      'versions.image',
      'images.namespace',
      'images.name',
      'versions.version',
      'versions.manifest',
    ])
    .select(['versions.size', 'versions.sha256', 'versions.runs', 'versions.publisher', 'versions.record'])
    .select('versions.content_bytes as contentBytes')
    .select('versions.created_at as createdAtMs')
}

export async function putTag(trx: Db, row: { image: number; tag: Tag; version: number }): Promise<void> {
  const { version } = row
  await trx
    .insertInto('tags')
    .values(row)
    .onConflict((on) => on.columns(['image', 'tag']).doUpdateSet({ version }))
    .execute()
}
