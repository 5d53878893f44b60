import type { Kysely } from 'kysely'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { HISTORY_ROWS_MAX } from '../../src/core/registry-limits.ts'
import type { Db } from './db.ts'
import type { CatalogSchema } from './schema.ts'

/** What can happen to an image, and what the details of each say. */
export interface HistoryDetails {
  created: { readonly owner?: string }
  uploaded: { readonly version: number; readonly size: number; readonly manifest: string }
  modified: { readonly fields: readonly string[] }
  /** The name that it had before, `namespace/name`. */
  renamed: { readonly from: string }
  /** An entry of the image's own ACL. */
  shared: { readonly kind: string; readonly subject: string; readonly right: string }
  unshared: { readonly kind: string; readonly subject: string }
  tagged: { readonly tag: string; readonly version: number }
  signed: { readonly version: number; readonly signer: string }
  untagged: { readonly tag: string }
  'version-removed': { readonly version: number }
  state: { readonly from: string; readonly to: string }
  owner: { readonly from: string | null; readonly to: string }
  removed: { readonly versions?: number }
}

export type HistoryAction = keyof HistoryDetails

/** Who changes something, and when. */
export interface Change {
  /** Distinguished name. */
  readonly author: string
  readonly nowMs: number
}

/** The image that it happens to, under the name that it has afterwards. */
export interface HistorySubject {
  readonly uuid: string
  readonly namespace: Namespace
  readonly name: ImageName
}

export interface HistoryEntry extends HistorySubject {
  /** Rises with time. */
  readonly id: number
  readonly atMs: number
  /** Distinguished name of who did it. */
  readonly author: string
  readonly action: string
  readonly details: Readonly<Record<string, unknown>>
}

/** Writes what happened to an image; to be called in the transaction that makes it happen. */
export async function writeHistory<A extends HistoryAction>(
  trx: Db,
  { uuid, namespace, name }: HistorySubject,
  event: Change & { readonly action: A; readonly details: HistoryDetails[A] },
): Promise<void> {
  const { author, nowMs, action, details } = event
  await trx
    .insertInto('history')
    .values({ uuid, namespace, name, at: nowMs, actor: author, action, details: JSON.stringify(details) })
    .execute()
}

export interface HistoryPage {
  /** Entries after this one; 0 begins with the first. */
  readonly after: number
  /** At most HISTORY_ROWS_MAX. */
  readonly limit: number
}

/** What happened to images, kept when they are removed. */
export class HistoryCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** The life of one image, whatever it was called; oldest first. */
  async ofImage(image: { readonly uuid: string }, page: HistoryPage): Promise<HistoryEntry[]> {
    return await this.#read(selectHistory(this.#db).where('uuid', '=', image.uuid), page)
  }

  /** The lives of all images that had this name when something happened to them; oldest first. */
  async ofName(key: Pick<HistorySubject, 'namespace' | 'name'>, page: HistoryPage): Promise<HistoryEntry[]> {
    const query = selectHistory(this.#db).where('namespace', '=', key.namespace).where('name', '=', key.name)
    return await this.#read(query, page)
  }

  async #read(
    query: ReturnType<typeof selectHistory>,
    { after, limit }: HistoryPage,
  ): Promise<HistoryEntry[]> {
    const rows = await query
      .where('id', '>', after)
      .orderBy('id')
      .limit(Math.min(limit, HISTORY_ROWS_MAX))
      .execute()
    return rows.map(({ details, ...row }) => ({
      ...row,
      namespace: row.namespace as Namespace,
      name: row.name as ImageName,
      details: JSON.parse(details) as Record<string, unknown>,
    }))
  }
}

function selectHistory(db: Kysely<CatalogSchema>) {
  return db
    .selectFrom('history')
    .select(['id', 'uuid', 'namespace', 'name', 'at as atMs', 'actor as author', 'action', 'details'])
}
