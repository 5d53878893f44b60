import type { Kysely } from 'kysely'
import { mergeRecordings } from '../../src/core/boot-merge.ts'
import {
  type BootRead,
  type BootRecording,
  bytesOfReads,
  digestOfReads,
} from '../../src/core/boot-profile.ts'
import type { DigestKey, ManifestId } from '../../src/core/cid.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import { BOOT_RECORDINGS_MAX, PROFILES_REMADE_MAX } from '../../src/core/registry-limits.ts'
import { packReads, unpackReads } from './boot-reads.ts'
import { type Db, holdImages } from './db.ts'
import type { CatalogSchema } from './schema.ts'

/** What a profile is of: versions of one image with one manifest. */
export interface ProfileKey {
  /** Row of the image. */
  readonly image: number
  readonly manifest: ManifestId
}

/** What was made of the recordings of an image. */
export interface StoredProfile {
  readonly manifest: ManifestId
  readonly digest: DigestKey
  readonly recordings: number
  readonly bytes: number
  readonly reads: readonly BootRead[]
  readonly updatedAtMs: number
}

/** What machines read while they boot. */
export class ProfileCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** What names the profile; undefined where there is none. */
  async digest({ image, manifest }: ProfileKey): Promise<DigestKey | undefined> {
    const row = await this.#db
      .selectFrom('boot_profiles')
      .select('digest')
      .where('image', '=', image)
      .where('manifest', '=', manifest)
      .executeTakeFirst()
    return row?.digest
  }

  /** Undefined where there is none. Throws StorageError. */
  async get({ image, manifest }: ProfileKey): Promise<StoredProfile | undefined> {
    const row = await this.#db
      .selectFrom('boot_profiles')
      .select(['digest', 'recordings', 'bytes', 'reads', 'updated_at as updatedAtMs'])
      .where('image', '=', image)
      .where('manifest', '=', manifest)
      .executeTakeFirst()
    return row && { ...row, manifest, reads: unpackReads(row.reads) }
  }

  /**
   * Keeps a recording, which has been checked, in the place of an earlier one of the node, forgets the oldest beyond
   * BOOT_RECORDINGS_MAX, and makes the profile anew: none while they have nothing in common. Errors: NotFoundError when no version has the manifest any more.
   */
  async record(
    image: number,
    recording: BootRecording,
    by: { readonly node: string; readonly nowMs: number },
  ): Promise<void> {
    const { manifest, durationMs: duration_ms } = recording
    const { node, nowMs: recorded_at } = by
    const values = { reads: packReads(recording.reads), duration_ms, recorded_at }
    await this.#db.transaction().execute(async (trx) => {
      await holdImages(trx, (images) => images.where('id', '=', image))
      await checkNeeded(trx, { image, manifest })
      await trx
        .insertInto('boot_recordings')
        .values({ image, manifest, node, ...values })
        .onConflict((on) => on.columns(['image', 'manifest', 'node']).doUpdateSet(values))
        .execute()
      await dropOldest(trx, { image, manifest })
      await makeProfile(trx, { image, manifest }, recorded_at)
    })
  }

  /** Forgets a profile and what it was made of. False when there was nothing. */
  async drop({ image, manifest }: ProfileKey): Promise<boolean> {
    return await this.#db.transaction().execute(async (trx) => {
      await holdImages(trx, (images) => images.where('id', '=', image))
      await dropProfile(trx, { image, manifest })
      const recordings = trx.deleteFrom('boot_recordings').where('image', '=', image)
      const { numDeletedRows } = await recordings.where('manifest', '=', manifest).executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    })
  }

  /**
   * A node that is forgotten has no recordings any more, and no part in a profile: PROFILES_REMADE_MAX are made anew, those that it recorded last, and
   * any others dropped until somebody records again.
   */
  async forget(trx: Db, node: string, { nowMs }: { nowMs: number }): Promise<void> {
    const recorded = trx.selectFrom('boot_recordings').where('node', '=', node)
    await holdImages(trx, (images) => images.where('id', 'in', recorded.select('image')))
    const affected = await recorded
      .select(['image', 'manifest'])
      .orderBy('recorded_at', 'desc')
      .orderBy('image')
      .orderBy('manifest')
      .execute()
    await trx.deleteFrom('boot_recordings').where('node', '=', node).execute()
    for (const [at, key] of affected.entries())
      await (at < PROFILES_REMADE_MAX ? makeProfile(trx, key, nowMs) : dropProfile(trx, key))
  }
}

/** Forgets profiles and recordings of an image for manifests that none of its versions has, in the transaction that took them away. */
export async function dropStaleProfiles(trx: Db, image: number): Promise<void> {
  const needed = trx.selectFrom('versions').select('manifest').where('image', '=', image)
  for (const table of ['boot_recordings', 'boot_profiles'] as const)
    await trx.deleteFrom(table).where('image', '=', image).where('manifest', 'not in', needed).execute()
}

async function checkNeeded(trx: Db, { image, manifest }: ProfileKey): Promise<void> {
  const row = await trx
    .selectFrom('versions')
    .select('version')
    .where('image', '=', image)
    .where('manifest', '=', manifest)
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) throw new NotFoundError('the version is gone')
}

async function dropOldest(trx: Db, { image, manifest }: ProfileKey): Promise<void> {
  const newest = trx
    .selectFrom('boot_recordings')
    .select('node')
    .where('image', '=', image)
    .where('manifest', '=', manifest)
    .orderBy('recorded_at', 'desc')
    .orderBy('node')
    .limit(BOOT_RECORDINGS_MAX)
  const others = trx.deleteFrom('boot_recordings').where('image', '=', image).where('manifest', '=', manifest)
  await others.where('node', 'not in', newest).execute()
}

async function dropProfile(trx: Db, { image, manifest }: ProfileKey): Promise<void> {
  const profile = trx.deleteFrom('boot_profiles').where('image', '=', image)
  await profile.where('manifest', '=', manifest).execute()
}

async function makeProfile(trx: Db, { image, manifest }: ProfileKey, updated_at: number): Promise<void> {
  const rows = await trx
    .selectFrom('boot_recordings')
    .select('reads')
    .where('image', '=', image)
    .where('manifest', '=', manifest)
    .execute()
  const reads = mergeRecordings(rows.map((row) => unpackReads(row.reads)))
  if (reads.length === 0) return await dropProfile(trx, { image, manifest })
  const facts = { digest: digestOfReads(reads), bytes: bytesOfReads(reads), recordings: rows.length }
  const values = { ...facts, reads: packReads(reads), updated_at }
  await trx
    .insertInto('boot_profiles')
    .values({ image, manifest, ...values })
    .onConflict((on) => on.columns(['image', 'manifest']).doUpdateSet(values))
    .execute()
}
