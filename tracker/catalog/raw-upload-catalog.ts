import type { Kysely } from 'kysely'
import type { ChunkerParameters, SegmentLink } from '../../src/core/manifest.ts'
import { UPLOAD_EXPIRY_MS } from '../../src/core/registry-limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { type Db, holdImages, takeTurn } from './db.ts'
import { stepState } from './image-states.ts'
import type { CatalogSchema } from './schema.ts'
import { checkPresent, insertUpload, type NewUpload, settle } from './upload-catalog.ts'

/** What has come of an image and is stored. */
export interface Kept {
  /** In order; none of them cut short. */
  readonly segments: readonly SegmentLink[]
  /** What came behind them, cut where the image goes on. */
  readonly tail: SegmentLink | undefined
  /** What cut them; undefined when there is no segment. */
  readonly chunker: ChunkerParameters | undefined
}

export interface StoredRawUpload extends Kept {
  readonly upload: string
  /** Bytes of the whole image, where its client said so. */
  readonly totalBytes: number | null
  /** Bytes that came, from the first on. */
  readonly keptBytes: number
}

/** Uploads of images as they are, which the tracker cuts. Each principal has one of an image at most. */
export class RawUploadCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** Opens an upload in the place of the one that the principal has. Errors: LimitError when it has too many open, NotFoundError. */
  async begin(image: number, init: NewUpload & { totalBytes: number | null }): Promise<string> {
    const { principal, tracker, totalBytes, nowMs } = init
    return await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, `uploads:${principal}`)
      await holdImages(trx, (images) => images.where('id', '=', image))
      await checkPresent(trx, image)
      await trx
        .deleteFrom('uploads')
        .where('image', '=', image)
        .where('principal', '=', principal)
        .where('kind', '=', 'raw')
        .where('tracker', '=', tracker)
        .execute()
      await stepState(trx, image, { event: 'upload-begun', by: { author: principal, nowMs } })
      const expiresAtMs = nowMs + UPLOAD_EXPIRY_MS
      return await insertUpload(trx, { image, principal, tracker, expiresAtMs, raw: { totalBytes } })
    })
  }

  /** The upload that the principal has here of an image; undefined when there is none, or it has expired. */
  async find(image: number, init: NewUpload): Promise<StoredRawUpload | undefined> {
    const { principal, tracker, nowMs } = init
    const row = await this.#db
      .selectFrom('uploads')
      .select(['upload', 'total_bytes as totalBytes', 'chunker'])
      .where('image', '=', image)
      .where('principal', '=', principal)
      .where('kind', '=', 'raw')
      .where('tracker', '=', tracker)
      .where('expires_at', '>', nowMs)
      .executeTakeFirst()
    if (row === undefined) return undefined
    const { upload, totalBytes } = row
    const chunker = row.chunker === null ? undefined : (JSON.parse(row.chunker) as ChunkerParameters)
    const links = await this.#db
      .selectFrom('upload_segments')
      .select(['digest', 'size', 'runs', 'is_cut'])
      .where('upload', '=', upload)
      .orderBy('place')
      .execute()
    const isCut = links.at(-1)?.is_cut === 1
    const segments = links.map(({ digest, size, runs }) => ({ digest, size, runs }))
    const tail = isCut ? segments.pop() : undefined
    const keptBytes = links.reduce((sum, { size }) => sum + size, 0)
    return { upload, totalBytes, keptBytes, segments, tail, chunker }
  }

  /** Goes on with an upload that may have paused. */
  async goOn(image: number, init: NewUpload & { upload: string; totalBytes: number | null }): Promise<void> {
    const { principal, upload, totalBytes, nowMs } = init
    await this.#db.transaction().execute(async (trx) => {
      await stepState(trx, image, { event: 'upload-begun', by: { author: principal, nowMs } })
      const set = { expires_at: nowMs + UPLOAD_EXPIRY_MS, paused: 0, total_bytes: totalBytes }
      await trx.updateTable('uploads').set(set).where('upload', '=', upload).execute()
    })
  }

  /** Remembers segments that are stored, behind the first `place` of them; what was behind these is forgotten. */
  async keep(upload: string, place: number, kept: Kept): Promise<void> {
    const { segments, tail, chunker } = kept
    await this.#db.transaction().execute(async (trx) => {
      await trx
        .deleteFrom('upload_segments')
        .where('upload', '=', upload)
        .where('place', '>=', place)
        .execute()
      const all = tail === undefined ? segments : [...segments, tail]
      const rows = all.map((link, i) => {
        const { digest, size, runs } = link
        return { upload, place: place + i, digest, size, runs, is_cut: link === tail ? 1 : 0 }
      })
      for (let at = 0; at < rows.length; at += ROWS_PER_INSERT)
        await trx
          .insertInto('upload_segments')
          .values(rows.slice(at, at + ROWS_PER_INSERT))
          .execute()
      if (chunker !== undefined) {
        const set = { chunker: JSON.stringify(chunker) }
        await trx.updateTable('uploads').set(set).where('upload', '=', upload).execute()
      }
    })
  }

  /** Leaves an upload as it is, to go on later; its image is what it was before. */
  async pause(upload: string, init: { nowMs: number }): Promise<void> {
    await this.#db.transaction().execute(async (trx) => await pause(trx, { upload }, init))
  }

  /** Pauses every upload of a tracker that has just started: whatever ran has ended with the process. */
  async pauseAll(tracker: PeerKey, init: { nowMs: number }): Promise<void> {
    await this.#db.transaction().execute(async (trx) => await pause(trx, { tracker }, init))
  }
}

/** An insert takes so many values at most. */
const ROWS_PER_INSERT = 500

async function pause(
  trx: Db,
  which: { upload?: string; tracker?: PeerKey },
  { nowMs }: { nowMs: number },
): Promise<void> {
  const { upload, tracker } = which
  let into = trx.selectFrom('uploads').select('image').where('kind', '=', 'raw').where('paused', '=', 0)
  if (upload !== undefined) into = into.where('upload', '=', upload)
  if (tracker !== undefined) into = into.where('tracker', '=', tracker)
  await holdImages(trx, (images) => images.where('id', 'in', into))
  let query = trx.updateTable('uploads').set({ paused: 1 }).where('kind', '=', 'raw').where('paused', '=', 0)
  if (upload !== undefined) query = query.where('upload', '=', upload)
  if (tracker !== undefined) query = query.where('tracker', '=', tracker)
  const paused = await query.returning(['image', 'principal']).execute()
  await settle(trx, paused, { event: 'upload-dropped', nowMs })
}
