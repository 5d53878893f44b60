import type { ManifestId } from '../../src/core/cid.ts'
import { LimitError, NotFoundError } from '../../src/core/errors.ts'
import type { PlacementState, PlaceState } from '../../src/core/placement.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { PLACEMENTS_MAX } from '../../src/core/registry-limits.ts'
import type { Db } from './db.ts'
import type { Labels } from './node-catalog.ts'

/** A placement as it is stored. Times in milliseconds since the epoch. */
export interface StoredPlacement {
  readonly id: number
  readonly namespace: Namespace
  readonly name: ImageName
  readonly version: number
  readonly manifest: ManifestId
  /** What its nodes were chosen by. */
  readonly labels: Labels
  readonly atMs: number
  /** Failed places after which it halts. */
  readonly failuresMax: number
  readonly state: PlacementState
  /** Distinguished name. */
  readonly author: string
  readonly createdAtMs: number
}

/** Places that have not ended. */
export const OPEN: readonly PlaceState[] = ['waiting', 'fetching']

export function selectPlacements(db: Db) {
  return db
    .selectFrom('placements')
    .select([
      'id',
      'namespace',
      'name',
      'version',
      'manifest',
      'labels',
      'at as atMs',
      'failures_max as failuresMax',
    ])
    .select(['state', 'author', 'created_at as createdAtMs'])
}

export function storedOf(row: Omit<StoredPlacement, 'labels'> & { labels: string }): StoredPlacement {
  return { ...row, labels: JSON.parse(row.labels) as Labels }
}

export async function placementOf(db: Db, id: number): Promise<StoredPlacement> {
  const row = await selectPlacements(db).where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new NotFoundError(`there is no placement ${id}`)
  return storedOf(row)
}

export async function settle(
  trx: Db,
  init: {
    id: number
    from: readonly PlaceState[]
    to: PlaceState
    nowMs: number
    /** All of them unless given. */
    nodes?: readonly string[]
  },
): Promise<void> {
  let query = trx
    .updateTable('places')
    .set({ state: init.to, error: null, modified_at: init.nowMs })
    .where('placement', '=', init.id)
    .where('state', 'in', [...init.from])
  if (init.nodes !== undefined) query = query.where('node', 'in', [...init.nodes])
  await query.execute()
}

/** Of those that have ended, the oldest give way. */
export async function makeRoom(trx: Db): Promise<void> {
  const { placements } = await trx
    .selectFrom('placements')
    .select((select) => select.fn.countAll<number>().as('placements'))
    .executeTakeFirstOrThrow()
  if (placements < PLACEMENTS_MAX) return
  const oldest = await trx
    .selectFrom('placements')
    .select('id')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('places')
            .select('node')
            .whereRef('places.placement', '=', 'placements.id')
            .where('places.state', 'in', [...OPEN]),
        ),
      ),
    )
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  if (oldest === undefined)
    throw new LimitError(`${PLACEMENTS_MAX} placements have not ended; cancel some: bootswarm placement ls`, {
      data: { limit: PLACEMENTS_MAX },
    })
  await trx.deleteFrom('placements').where('id', '=', oldest.id).execute()
}
