import type { Kysely } from 'kysely'
import type { PlaceState } from '../../src/core/placement.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import type { Db } from './db.ts'
import { OPEN } from './placement-rows.ts'
import type { CatalogSchema } from './schema.ts'

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

/** What nodes are told of their places, and what they say of them. */
export class PlaceCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
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

  /** The earliest wave of a placement that has open places; undefined when none has, or the placement does not go on. */
  async openWave(placement: number): Promise<number | undefined> {
    const row = await this.#open(placement)
      .select(({ fn }) => fn.min<number | null>('wave').as('wave'))
      .executeTakeFirst()
    return row?.wave ?? undefined
  }

  /** The nodes of that wave whose places are open. */
  async nextNodes(placement: number): Promise<string[]> {
    const wave = await this.openWave(placement)
    if (wave === undefined) return []
    const rows = await this.#open(placement).select('node').where('wave', '=', wave).orderBy('node').execute()
    return rows.map(({ node }) => node)
  }

  #open(placement: number) {
    return this.#db
      .selectFrom('places')
      .innerJoin('placements', 'placements.id', 'places.placement')
      .where('placements.id', '=', placement)
      .where('placements.state', '=', 'active')
      .where('places.state', 'in', [...OPEN])
  }
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
