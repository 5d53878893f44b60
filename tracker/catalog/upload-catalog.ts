import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import { DIGEST_BYTES, type Digest, type ManifestId } from '../../src/core/cid.ts'
import { LimitError, NotFoundError } from '../../src/core/errors.ts'
import type { ImageEvent } from '../../src/core/image-state.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import {
  UPLOAD_ADOPT_AFTER_MS,
  UPLOAD_EXPIRY_MS,
  UPLOAD_LEASES_MAX,
  UPLOADS_OPEN_MAX,
} from '../../src/core/registry-limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { type Db, holdImages, takeTurn } from './db.ts'
import { stepState } from './image-states.ts'
import type { CatalogSchema } from './schema.ts'

export interface StoredUpload {
  readonly upload: string
  readonly namespace: Namespace
  readonly name: ImageName
  /** Who opened it, and who alone may go on with it. */
  readonly principal: string
  readonly expiresAtMs: number
  /** Peer ID of the tracker where it was opened and where its blocks are; empty in uploads from before there were several. */
  readonly tracker: PeerKey | ''
  /** Whose quota the image counts against: the id of a user. */
  readonly owner: number | null
  /** The last manifest that was put into it: who has put one has had its bytes. */
  readonly manifest: ManifestId | null
}

export interface NewUpload {
  readonly principal: string
  /** Where it is opened: only there does it go on. */
  readonly tracker: PeerKey
  readonly nowMs: number
}

export interface LeaseInit {
  readonly nowMs: number
  /** Inflated bytes of those among the blocks that came just now. */
  readonly receivedBytes?: number
  /** That came among them. */
  readonly manifest?: ManifestId | undefined
}

/** Open uploads and the digests that garbage collection keeps for them. */
export class UploadCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /**
   * Opens an upload into the image. One that the principal broke off at this tracker is opened again, with what it keeps; one that had a request
   * within UPLOAD_ADOPT_AFTER_MS may belong to a push under way and is left alone. Errors: LimitError when the principal has
   * too many uploads open, NotFoundError when the image is gone.
   */
  async open(image: number, init: NewUpload): Promise<{ upload: string; expiresAtMs: number }> {
    const { principal, tracker, nowMs } = init
    const expiresAtMs = nowMs + UPLOAD_EXPIRY_MS
    const upload = await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, `uploads:${principal}`)
      const endedInto = trx.selectFrom('uploads').select('image').where('expires_at', '<=', nowMs)
      await holdImages(trx, (images) =>
        images.where((eb) =>
          eb.or([eb('id', '=', image), eb('id', 'in', endedInto.where('principal', '=', principal))]),
        ),
      )
      await checkPresent(trx, image)
      const expired = trx.deleteFrom('uploads').where('principal', '=', principal)
      const ended = expired.where('expires_at', '<=', nowMs).returning(['image', 'principal'])
      await settle(trx, await ended.execute(), { event: 'upload-dropped', nowMs })
      await stepState(trx, image, { event: 'upload-begun', by: { author: principal, nowMs } })
      const brokenOff = await trx
        .selectFrom('uploads')
        .select('upload')
        .where('image', '=', image)
        .where('principal', '=', principal)
        .where('kind', '=', 'blocks')
        .where('tracker', 'in', [tracker, ''])
        .where('expires_at', '<=', expiresAtMs - UPLOAD_ADOPT_AFTER_MS)
        .orderBy('expires_at', 'desc')
        .executeTakeFirst()
      if (brokenOff === undefined) return await insertUpload(trx, { image, principal, tracker, expiresAtMs })
      await trx
        .updateTable('uploads')
        .set({ expires_at: expiresAtMs, tracker })
        .where('upload', '=', brokenOff.upload)
        .execute()
      return brokenOff.upload
    })
    return { upload, expiresAtMs }
  }

  /** Throws NotFoundError when the upload has ended or expired. */
  async get(upload: string, init: { nowMs: number }): Promise<StoredUpload> {
    const row = await this.#db
      .selectFrom('uploads')
      .innerJoin('images', 'images.id', 'uploads.image')
      .select(['uploads.upload', 'images.namespace', 'images.name', 'uploads.principal'])
      .select(['uploads.expires_at as expiresAtMs', 'uploads.tracker', 'uploads.manifest', 'images.owner'])
      .where('uploads.upload', '=', upload)
      .where('uploads.expires_at', '>', init.nowMs)
      .executeTakeFirst()
    if (row === undefined) throw new NotFoundError('there is no such upload, or it has ended')
    return row
  }

  /**
   * Keeps blocks from garbage collection while the upload is open, and the upload open for longer. Errors: NotFoundError,
   * LimitError past UPLOAD_LEASES_MAX.
   */
  async lease(upload: string, digests: readonly Digest[], init: LeaseInit): Promise<void> {
    const { nowMs, receivedBytes = 0, manifest } = init
    await this.#db.transaction().execute(async (trx) => {
      const touched = await trx
        .updateTable('uploads')
        .set((columns) => ({
          expires_at: nowMs + UPLOAD_EXPIRY_MS,
          leased: columns('leased', '+', digests.length),
          received_bytes: columns('received_bytes', '+', receivedBytes),
          ...(manifest === undefined ? {} : { manifest }),
        }))
        .where('upload', '=', upload)
        .returning('leased')
        .executeTakeFirst()
      if (touched === undefined) throw new NotFoundError('there is no such upload, or it has ended')
      if (touched.leased > UPLOAD_LEASES_MAX) {
        throw new LimitError('the upload names too many blocks', { data: { limit: UPLOAD_LEASES_MAX } })
      }
      if (digests.length === 0) return
      await trx
        .insertInto('leases')
        .values({ upload, digests: Buffer.concat(digests) })
        .execute()
    })
  }

  /** Ends an upload that was given up, or that `failed`; unknown ones are ignored. */
  async remove(upload: string, how: { nowMs: number; failed?: boolean }): Promise<void> {
    const event = how.failed === true ? 'upload-failed' : 'upload-dropped'
    await this.#db.transaction().execute(async (trx) => {
      const into = trx.selectFrom('uploads').select('image').where('upload', '=', upload)
      await holdImages(trx, (images) => images.where('id', 'in', into))
      const removed = trx.deleteFrom('uploads').where('upload', '=', upload)
      const ended = await removed.returning(['image', 'principal']).execute()
      await settle(trx, ended, { event, nowMs: how.nowMs })
    })
  }

  /** Forgets expired uploads and returns how many. */
  async removeExpired(init: { nowMs: number }): Promise<number> {
    return await this.#db.transaction().execute(async (trx) => {
      const into = trx.selectFrom('uploads').select('image').where('expires_at', '<=', init.nowMs)
      await holdImages(trx, (images) => images.where('id', 'in', into))
      const removed = trx.deleteFrom('uploads').where('expires_at', '<=', init.nowMs)
      const ended = await removed.returning(['image', 'principal']).execute()
      return await settle(trx, ended, { event: 'upload-dropped', nowMs: init.nowMs })
    })
  }

  /** Every digest that some upload at this tracker keeps, with repetitions. */
  async *leased(tracker: PeerKey): AsyncGenerator<Digest> {
    let after = 0
    for (;;) {
      const row = await this.#db
        .selectFrom('leases')
        .innerJoin('uploads', 'uploads.upload', 'leases.upload')
        .select(['leases.id', 'leases.digests'])
        .where('leases.id', '>', after)
        .where('uploads.tracker', 'in', [tracker, ''])
        .orderBy('leases.id')
        .limit(1)
        .executeTakeFirst()
      if (row === undefined) return
      after = row.id
      for (let at = 0; at < row.digests.length; at += DIGEST_BYTES)
        yield row.digests.slice(at, at + DIGEST_BYTES)
    }
  }
}

/** Throws NotFoundError for an image that was removed since it was looked up: nothing would ever end an upload into it. */
export async function checkPresent(trx: Db, image: number): Promise<void> {
  const row = await trx
    .selectFrom('images')
    .select('id')
    .where('id', '=', image)
    .where('removed', '=', 0)
    .executeTakeFirst()
  if (row === undefined) throw new NotFoundError('the image was removed meanwhile')
}

/** Tells images of uploads that ended or paused without a version, unless another is under way. Returns how many did. */
export async function settle(
  trx: Db,
  ended: readonly { image: number; principal: string }[],
  { event, nowMs }: { event: ImageEvent; nowMs: number },
): Promise<number> {
  for (const [image, { principal: author }] of new Map(ended.map((row) => [row.image, row]))) {
    const other = trx
      .selectFrom('uploads')
      .select('upload')
      .where('image', '=', image)
      .where('paused', '=', 0)
    if ((await other.limit(1).executeTakeFirst()) === undefined)
      await stepState(trx, image, { event, by: { author, nowMs } })
  }
  return ended.length
}

/** Throws LimitError when the principal has too many open. */
export async function insertUpload(
  trx: Db,
  init: {
    readonly image: number
    readonly principal: string
    readonly tracker: PeerKey
    readonly expiresAtMs: number
    readonly raw?: { readonly totalBytes: number | null }
  },
): Promise<string> {
  const { image, principal, tracker, expiresAtMs, raw } = init
  const { open } = await trx
    .selectFrom('uploads')
    .select((select) => select.fn.countAll<number>().as('open'))
    .where('principal', '=', principal)
    .executeTakeFirstOrThrow()
  if (open >= UPLOADS_OPEN_MAX) {
    throw new LimitError(`${principal} has ${open} open uploads: finish or abort some`, {
      data: { limit: UPLOADS_OPEN_MAX },
    })
  }
  const upload = randomBytes(18).toString('base64url')
  await trx
    .insertInto('uploads')
    .values({
      ...{ upload, image, principal, tracker, expires_at: expiresAtMs, leased: 0 },
      ...(raw === undefined ? {} : { kind: 'raw' as const, total_bytes: raw.totalBytes }),
    })
    .execute()
  return upload
}
