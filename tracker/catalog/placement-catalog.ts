import type { Kysely } from 'kysely'
import type { ManifestId } from '../../src/core/cid.ts'
import { LimitError, NotFoundError, StateError } from '../../src/core/errors.ts'
import type { PlacementState, PlaceState } from '../../src/core/placement.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { PLACEMENTS_MAX } from '../../src/core/registry-limits.ts'
import { type Db, takeTurn } from './db.ts'
import type { Labels } from './node-catalog.ts'
import type { CatalogSchema } from './schema.ts'

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

/** What a node is to fetch now. */
export interface PlaceOrder {
  readonly placement: number
  readonly namespace: Namespace
  readonly name: ImageName
  readonly version: number
}

/** What a node says of one of its places. */
export interface PlaceReport {
  readonly placement: number
  readonly state: Extract<PlaceState, 'fetching' | 'done' | 'failed'>
  readonly runs: number
  readonly runsTotal: number
  readonly error?: string | undefined
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
const OPEN: readonly PlaceState[] = ['waiting', 'fetching']

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

  /** Takes down what a node says. What is not a place of it, or has ended, stays as it is. */
  async report(node: string, reports: readonly PlaceReport[], nowMs: number): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      for (const { placement, state, runs, runsTotal, error = null } of reports) {
        const [{ numUpdatedRows }] = (await trx
          .updateTable('places')
          .set({ state, runs, runs_total: runsTotal, error, modified_at: nowMs })
          .where('placement', '=', placement)
          .where('node', '=', node)
          .where('state', 'in', [...OPEN])
          .execute()) as [{ numUpdatedRows: bigint }]
        if (state === 'failed' && numUpdatedRows > 0n) await haltIfTooMany(trx, placement, nowMs)
      }
    })
  }

  /**
   * What a node is to fetch now: places whose time has come and of whose placement no earlier wave has open places. `nextMs`: when the
   * next of the others may come; undefined when it has no other.
   */
  async ordersOf(
    node: string,
    init: { nowMs: number; rowsMax: number },
  ): Promise<{ orders: PlaceOrder[]; nextMs: number | undefined }> {
    const rows = await this.#db
      .selectFrom('places')
      .innerJoin('placements', 'placements.id', 'places.placement')
      .select(['placements.id', 'namespace', 'name', 'version', 'at', 'wave'])
      .select((select) =>
        select
          .selectFrom('places as open')
          .select(({ fn }) => fn.min<number>('open.wave').as('wave'))
          .whereRef('open.placement', '=', 'places.placement')
          .where('open.state', 'in', [...OPEN])
          .as('openWave'),
      )
      .where('places.node', '=', node)
      .where('places.state', 'in', [...OPEN])
      .where('placements.state', '=', 'active')
      .orderBy('placements.id')
      .execute()
    const due = rows.filter((row) => row.at <= init.nowMs && row.wave === row.openWave)
    const later = rows.map(({ at }) => at).filter((at) => at > init.nowMs)
    const waiting = due.length < rows.length - later.length
    const orders = due
      .slice(0, init.rowsMax)
      .map(({ id, namespace, name, version }) => ({ placement: id, namespace, name, version }))
    if (waiting || due.length > 0) return { orders, nextMs: init.nowMs }
    return { orders, nextMs: later.length === 0 ? undefined : Math.min(...later) }
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

function selectPlacements(db: Db) {
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

function storedOf(row: Omit<StoredPlacement, 'labels'> & { labels: string }): StoredPlacement {
  return { ...row, labels: JSON.parse(row.labels) as Labels }
}

async function placementOf(db: Db, id: number): Promise<StoredPlacement> {
  const row = await selectPlacements(db).where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new NotFoundError(`there is no placement ${id}`)
  return storedOf(row)
}

async function settle(
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

async function haltIfTooMany(trx: Db, id: number, nowMs: number): Promise<void> {
  const { failed } = await trx
    .selectFrom('places')
    .select((select) => select.fn.countAll<number>().as('failed'))
    .where('placement', '=', id)
    .where('state', '=', 'failed')
    .executeTakeFirstOrThrow()
  await trx
    .updateTable('placements')
    .set({ state: 'halted', modified_at: nowMs })
    .where('id', '=', id)
    .where('state', '=', 'active')
    .where('failures_max', '<', Number(failed))
    .execute()
}

/** Of those that have ended, the oldest give way. */
async function makeRoom(trx: Db): Promise<void> {
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
