import type { Kysely } from 'kysely'
import { NotFoundError, StateError } from '../../src/core/errors.ts'
import type { PlaceState } from '../../src/core/placement.ts'
import { type Db, takeTurn } from './db.ts'
import {
  makeRoom,
  OPEN,
  placementOf,
  type StoredPlacement,
  selectPlacements,
  settle,
  storedOf,
} from './placement-rows.ts'
import type { CatalogSchema } from './schema.ts'

/** One node of a placement. */
export interface StoredPlace {
  readonly node: string
  readonly wave: number
  readonly state: PlaceState
  readonly runs: number
  readonly runsTotal: number
  readonly error: string | null
  readonly modifiedAtMs: number
}

export interface NewPlacement extends Omit<StoredPlacement, 'id' | 'state' | 'createdAtMs'> {
  readonly places: readonly { readonly node: string; readonly wave: number }[]
  readonly nowMs: number
}

/** Places of one wave in one state. */
export interface PlaceCount {
  readonly placement: number
  readonly wave: number
  readonly state: PlaceState
  readonly places: number
}

/** Rows of one insert: within the parameters that databases allow. */
const INSERT_ROWS = 500

/** Which nodes are to have which image, and how far they are. */
export class PlacementCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** Errors: LimitError when too many have not ended. */
  async create(placement: NewPlacement): Promise<StoredPlacement> {
    const { places, nowMs, labels, atMs, failuresMax, ...rest } = placement
    return await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, 'placements')
      await makeRoom(trx)
      const { id } = await trx
        .insertInto('placements')
        .values({
          ...rest,
          labels: JSON.stringify(labels),
          at: atMs,
          failures_max: failuresMax,
          state: 'active',
          created_at: nowMs,
          modified_at: nowMs,
        })
        .returning('id')
        .executeTakeFirstOrThrow()
      const fresh = {
        placement: id,
        state: 'waiting' as const,
        runs: 0,
        runs_total: 0,
        error: null,
        modified_at: nowMs,
      }
      for (let i = 0; i < places.length; i += INSERT_ROWS) {
        const rows = places.slice(i, i + INSERT_ROWS).map(({ node, wave }) => ({ ...fresh, node, wave }))
        await trx.insertInto('places').values(rows).execute()
      }
      return await placementOf(trx, id)
    })
  }

  /** Errors: NotFoundError. */
  async get(id: number): Promise<StoredPlacement> {
    return await placementOf(this.#db, id)
  }

  /** The newest first, those before `before`. */
  async list(init: { before?: number | undefined; rowsMax: number }): Promise<StoredPlacement[]> {
    let query = selectPlacements(this.#db).orderBy('id', 'desc').limit(init.rowsMax)
    if (init.before !== undefined) query = query.where('id', '<', init.before)
    return (await query.execute()).map(storedOf)
  }

  /** How many places are in which state, wave by wave. */
  async counts(ids: readonly number[]): Promise<PlaceCount[]> {
    const rows = await this.#db
      .selectFrom('places')
      .select(['placement', 'wave', 'state'])
      .select((select) => select.fn.countAll<number>().as('places'))
      .where('placement', 'in', [...ids])
      .groupBy(['placement', 'wave', 'state'])
      .orderBy('placement')
      .orderBy('wave')
      .execute()
    return rows.map((row) => ({ ...row, places: Number(row.places) }))
  }

  /** In the order of the names of nodes, those after `after`. */
  async places(id: number, init: { after?: string | undefined; rowsMax: number }): Promise<StoredPlace[]> {
    let query = this.#db
      .selectFrom('places')
      .select([
        'node',
        'wave',
        'state',
        'runs',
        'runs_total as runsTotal',
        'error',
        'modified_at as modifiedAtMs',
      ])
      .where('placement', '=', id)
      .orderBy('node')
      .limit(init.rowsMax)
    if (init.after !== undefined) query = query.where('node', '>', init.after)
    return await query.execute()
  }

  /** Nothing more of it is begun; what runs at nodes goes on there. Errors: NotFoundError, StateError. */
  async cancel(id: number, nowMs: number): Promise<StoredPlacement> {
    return await this.#change(id, async (trx) => {
      await trx
        .updateTable('placements')
        .set({ state: 'cancelled', modified_at: nowMs })
        .where('id', '=', id)
        .execute()
      await settle(trx, { id, from: OPEN, to: 'skipped', nowMs })
    })
  }

  /** Goes on with one that has halted: failed places are tried again, or skipped. Errors: NotFoundError, StateError. */
  async resume(id: number, init: { skip: boolean; nowMs: number }): Promise<StoredPlacement> {
    const { skip, nowMs } = init
    return await this.#change(id, async (trx) => {
      await trx
        .updateTable('placements')
        .set({ state: 'active', modified_at: nowMs })
        .where('id', '=', id)
        .execute()
      await settle(trx, { id, from: ['failed'], to: skip ? 'skipped' : 'waiting', nowMs })
    })
  }

  /** Takes nodes out that are not to hold up the others. Errors: NotFoundError, StateError. */
  async skip(id: number, init: { nodes: readonly string[]; nowMs: number }): Promise<StoredPlacement> {
    const { nodes, nowMs } = init
    return await this.#change(id, async (trx) => {
      const left = new Set(nodes)
      const rows = await trx
        .selectFrom('places')
        .select('node')
        .where('placement', '=', id)
        .where('node', 'in', [...left])
        .execute()
      for (const { node } of rows) left.delete(node)
      const [stranger] = left
      if (stranger !== undefined) throw new NotFoundError(`the node ${stranger} is not in placement ${id}`)
      await settle(trx, { id, from: [...OPEN, 'failed'], to: 'skipped', nowMs, nodes })
    })
  }

  /** A node that is forgotten has no places any more. */
  async forget(trx: Db, node: string): Promise<void> {
    await trx.deleteFrom('places').where('node', '=', node).execute()
  }

  async #change(id: number, change: (trx: Db) => Promise<void>): Promise<StoredPlacement> {
    return await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, 'placements')
      const { state } = await placementOf(trx, id)
      if (state === 'cancelled') throw new StateError(`placement ${id} was cancelled; make a new one`)
      await change(trx)
      return await placementOf(trx, id)
    })
  }
}
