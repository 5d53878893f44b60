import type { Kysely } from 'kysely'
import type { ManifestId } from '../../src/core/cid.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { CatalogSchema } from './schema.ts'

/** A tracker on this catalog. */
export interface StoredTracker {
  /** Peer ID of its origin. */
  readonly peer: PeerKey
  /** Where other trackers and clients reach this one and no other. */
  readonly url: string
  /** Multiaddrs of its origin. */
  readonly addresses: readonly string[]
  /** Last sign of life, by its own clock. */
  readonly seenAtMs: number
}

/** The trackers on one database, and which of them has the blocks of what. */
export class TrackerCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** Enters a tracker, or renews what is known of it. */
  async put(tracker: StoredTracker): Promise<void> {
    const { peer, url, addresses, seenAtMs } = tracker
    const rest = { url, addresses: JSON.stringify(addresses), seen_at: seenAtMs }
    await this.#db
      .insertInto('trackers')
      .values({ peer, ...rest })
      .onConflict((on) => on.column('peer').doUpdateSet(rest))
      .execute()
  }

  async get(peer: PeerKey): Promise<StoredTracker | undefined> {
    const row = await this.#db.selectFrom('trackers').selectAll().where('peer', '=', peer).executeTakeFirst()
    return row === undefined ? undefined : storedTracker(row)
  }

  async list(): Promise<StoredTracker[]> {
    return (await this.#db.selectFrom('trackers').selectAll().orderBy('peer').execute()).map(storedTracker)
  }

  /** Who has every block of a manifest: all, and the entries of those that have one, the last sign of life first. */
  async holders(manifest: ManifestId): Promise<{ peers: PeerKey[]; known: StoredTracker[] }> {
    const rows = await this.#db
      .selectFrom('holdings')
      .leftJoin('trackers', 'trackers.peer', 'holdings.tracker')
      .select(['holdings.tracker', 'trackers.url', 'trackers.addresses', 'trackers.seen_at'])
      .where('holdings.manifest', '=', manifest)
      .execute()
    const known = rows.flatMap(({ tracker: peer, url, addresses, seen_at }) =>
      url === null || addresses === null || seen_at === null
        ? []
        : [storedTracker({ peer, url, addresses, seen_at })],
    )
    known.sort((one, other) => other.seenAtMs - one.seenAtMs)
    return { peers: rows.map((row) => row.tracker), known }
  }

  /**
   * What a tracker has and some version needs: the roots of its garbage collection. Forgets what no version needs any more
   * first, so that nobody counts on blocks that are about to go: a commit elsewhere meanwhile brings blocks of its own.
   */
  async needed(tracker: PeerKey): Promise<ManifestId[]> {
    await this.#db
      .deleteFrom('holdings')
      .where('tracker', '=', tracker)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('versions')
              .select('versions.manifest')
              .whereRef('versions.manifest', '=', 'holdings.manifest'),
          ),
        ),
      )
      .execute()
    const query = this.#db.selectFrom('holdings').select('manifest').where('tracker', '=', tracker)
    return (await query.execute()).map((row) => row.manifest)
  }

  /** Manifests of versions that no tracker is known to have: from before there were several. */
  async orphans(): Promise<ManifestId[]> {
    const rows = await this.#db
      .selectFrom('versions')
      .select('versions.manifest')
      .distinct()
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('holdings')
              .select('holdings.tracker')
              .whereRef('holdings.manifest', '=', 'versions.manifest'),
          ),
        ),
      )
      .execute()
    return rows.map((row) => row.manifest)
  }

  /** Notes that a tracker has every block of these manifests. */
  async hold(tracker: PeerKey, manifests: readonly ManifestId[]): Promise<void> {
    for (const manifest of manifests) {
      await this.#db
        .insertInto('holdings')
        .values({ manifest, tracker })
        .onConflict((on) => on.doNothing())
        .execute()
    }
  }
}

function storedTracker(row: {
  peer: PeerKey
  url: string
  addresses: string
  seen_at: number
}): StoredTracker {
  const { peer, url, addresses, seen_at: seenAtMs } = row
  return { peer, url, addresses: JSON.parse(addresses) as string[], seenAtMs }
}
