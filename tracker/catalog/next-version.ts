import { sql } from 'kysely'
import { type BootswarmError, LimitError, NotFoundError, StateError } from '../../src/core/errors.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { IMAGE_VERSIONS_MAX } from '../../src/core/registry-limits.ts'
import type { Db } from './db.ts'
import { stateExpression } from './image-states.ts'

interface NamedImage {
  readonly namespace: Namespace
  readonly name: ImageName
}

/**
 * Gives the image of an upload its next version number, and ends the upload. Errors: NotFoundError when the upload has ended or the
 * image is gone, StateError when it is read only, LimitError past IMAGE_VERSIONS_MAX.
 */
export async function nextVersion(
  trx: Db,
  { upload, nowMs }: { upload: string; nowMs: number },
): Promise<NamedImage & { id: number; uuid: string; owner: number | null; version: number }> {
  const row = await trx
    .updateTable('images')
    .set((eb) => ({
      last_version: sql<number>`last_version + 1`,
      ...{ state: stateExpression(eb, 'version-added'), uploaded_at: nowMs, modified_at: nowMs },
    }))
    .where('id', '=', (sub) => sub.selectFrom('uploads').select('image').where('upload', '=', upload))
    .where('removed', '=', 0)
    .where('read_only', '=', 0)
    .returning(['id', 'uuid', 'owner', 'namespace', 'name', 'last_version as version'])
    .executeTakeFirst()
  if (row === undefined) throw await notForVersions(trx, upload)
  const ended = await trx.deleteFrom('uploads').where('upload', '=', upload).executeTakeFirst()
  if (ended.numDeletedRows === 0n) throw new NotFoundError('the upload has ended')
  await checkVersionCount(trx, row)
  return row
}

async function checkVersionCount(trx: Db, image: NamedImage & { id: number }): Promise<void> {
  const { versions } = await trx
    .selectFrom('versions')
    .select((select) => select.fn.countAll<number>().as('versions'))
    .where('image', '=', image.id)
    .executeTakeFirstOrThrow()
  if (versions < IMAGE_VERSIONS_MAX) return
  throw new LimitError(
    `${image.namespace}/${image.name} has ${versions} versions, which is as many as it may: remove some`,
    { data: { limit: IMAGE_VERSIONS_MAX } },
  )
}

async function notForVersions(trx: Db, upload: string): Promise<BootswarmError> {
  const row = await trx
    .selectFrom('uploads')
    .innerJoin('images', 'images.id', 'uploads.image')
    .select('images.removed')
    .where('uploads.upload', '=', upload)
    .executeTakeFirst()
  if (row === undefined) return new NotFoundError('the upload has ended')
  if (row.removed !== 0) return new NotFoundError('the image was removed meanwhile')
  return readOnly('the image')
}

/** The refusal of what a read-only image does not take. */
export function readOnly(what: string): StateError {
  return new StateError(`${what} is read only: unset read_only first`)
}
