import * as assert from 'uvu/assert'
import { PLACEMENTS_MAX } from '../../../src/core/registry-limits.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import type { PlaceReport } from '../../../tracker/catalog/place-catalog.ts'
import type { StoredPlacement } from '../../../tracker/catalog/placement-rows.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { image, manifest, nowMs, type On, owner } from './steps.ts'

interface Wishes {
  /** Names of nodes, wave by wave. */
  readonly waves?: readonly (readonly string[])[]
  readonly atMs?: number
  readonly failuresMax?: number
}

async function place({ placements }: Catalog, wishes: Wishes = {}): Promise<StoredPlacement> {
  const { waves = [['a'], ['b', 'c']], atMs = nowMs, failuresMax = 0 } = wishes
  const places = waves.flatMap((nodes, wave) => nodes.map((node) => ({ node, wave })))
  const of = { ...image, version: 1, manifest, labels: { rack: '1' }, author: owner }
  return await placements.create({ ...of, atMs, failuresMax, places, nowMs })
}

const report = (placement: number, state: PlaceReport['state'], error?: string): PlaceReport => ({
  ...{ placement, state, runs: 3, runsTotal: 4 },
  error,
})

async function ordered({ places }: Catalog, node: string, atMs = nowMs): Promise<number[]> {
  const { orders } = await places.ordersOf(node, { nowMs: atMs, rowsMax: 10 })
  return orders.map(({ placement }) => placement)
}

/** Images on their way to nodes. */
export function placementTests(on: On): void {
  on('a wave begins when the one before has ended', async ({ catalog, other }) => {
    const { id } = await place(catalog)
    assert.equal([await ordered(catalog, 'a'), await ordered(other, 'b')], [[id], []])
    await catalog.places.report('a', [report(id, 'fetching')], nowMs)
    assert.equal([await ordered(catalog, 'a'), await ordered(catalog, 'b')], [[id], []])
    await catalog.places.report('a', [report(id, 'done')], nowMs)
    assert.equal([await ordered(catalog, 'a'), await ordered(catalog, 'b')], [[], [id]])
    const [a, b] = await other.placements.places(id, { rowsMax: 10 })
    assert.equal([a?.state, a?.runs, a?.runsTotal, b?.state], ['done', 3, 4, 'waiting'])
    assert.equal(await catalog.placements.counts([id]), [
      { placement: id, wave: 0, state: 'done', places: 1 },
      { placement: id, wave: 1, state: 'waiting', places: 2 },
    ])
  })

  on('nothing begins before its time, and a node hears when it is', async ({ catalog }) => {
    const { id } = await place(catalog, { atMs: nowMs + 60_000 })
    const before = await catalog.places.ordersOf('a', { nowMs, rowsMax: 10 })
    assert.equal(before, { orders: [], nextMs: nowMs + 60_000 })
    assert.equal(await ordered(catalog, 'a', nowMs + 60_000), [id])
    assert.equal((await catalog.places.ordersOf('b', { nowMs: nowMs + 60_000, rowsMax: 1 })).orders, [])
    assert.equal(await catalog.places.ordersOf('stranger', { nowMs, rowsMax: 1 }), {
      orders: [],
      nextMs: undefined,
    })
  })

  on('too many failures halt it, and an admin goes on with or without them', async ({ catalog }) => {
    const { placements } = catalog
    const { id } = await place(catalog, { waves: [['a', 'b'], ['c']] })
    await catalog.places.report('a', [report(id, 'failed', 'E_STORAGE_FULL: no room')], nowMs)
    assert.is((await placements.get(id)).state, 'halted')
    assert.equal([await ordered(catalog, 'b'), await ordered(catalog, 'c')], [[], []])
    assert.is((await placements.places(id, { rowsMax: 1 }))[0]?.error, 'E_STORAGE_FULL: no room')
    assert.is((await placements.resume(id, { skip: false, nowMs })).state, 'active')
    assert.equal([await ordered(catalog, 'a'), await ordered(catalog, 'b')], [[id], [id]])
    await catalog.places.report('a', [report(id, 'failed')], nowMs)
    await placements.resume(id, { skip: true, nowMs })
    assert.equal([await ordered(catalog, 'a'), await ordered(catalog, 'b')], [[], [id]])
    await catalog.places.report('b', [report(id, 'done')], nowMs)
    assert.equal(await ordered(catalog, 'c'), [id])
  })

  on('failures up to the number that was given do not halt it', async ({ catalog }) => {
    const { id } = await place(catalog, { waves: [['a', 'b', 'c']], failuresMax: 1 })
    await catalog.places.report('a', [report(id, 'failed')], nowMs)
    assert.is((await catalog.placements.get(id)).state, 'active')
    await catalog.places.report('b', [report(id, 'failed')], nowMs)
    assert.is((await catalog.placements.get(id)).state, 'halted')
  })

  on('what has ended, or is not of a node, cannot be reported again', async ({ catalog }) => {
    const { placements } = catalog
    const { id } = await place(catalog, { waves: [['a'], ['b']] })
    await catalog.places.report('stranger', [report(id, 'failed')], nowMs)
    assert.is((await placements.get(id)).state, 'active')
    await catalog.places.report('a', [report(id, 'done')], nowMs)
    await catalog.places.report('a', [report(id, 'failed'), report(id + 1000, 'done')], nowMs)
    assert.is((await placements.get(id)).state, 'active')
    assert.is((await placements.places(id, { rowsMax: 1 }))[0]?.state, 'done')
  })

  on(
    'who is next is known when a wave has ended, and nobody of a placement that stands',
    async ({ catalog }) => {
      const { placements, places } = catalog
      const { id } = await place(catalog, { waves: [['a'], ['b', 'c']] })
      assert.equal([await places.openWave(id), await places.nextNodes(id)], [0, ['a']])
      await places.report('a', [report(id, 'done')], nowMs)
      assert.equal([await places.openWave(id), await places.nextNodes(id)], [1, ['b', 'c']])
      await places.report('b', [report(id, 'failed')], nowMs)
      assert.equal([await places.openWave(id), await places.nextNodes(id)], [undefined, []], 'halted')
      await placements.resume(id, { skip: true, nowMs })
      assert.equal(await places.nextNodes(id), ['c'])
      assert.is(await places.openWave(id + 1000), undefined)
    },
  )

  on('nodes that hold up the others are left out, or are gone', async ({ catalog }) => {
    const { placements, nodes } = catalog
    const { id } = await place(catalog, { waves: [['a', 'b'], ['c']] })
    assert.is((await failureOf(placements.skip(id, { nodes: ['a', 'x'], nowMs }))).code, 'E_NOT_FOUND')
    await placements.skip(id, { nodes: ['a'], nowMs })
    assert.equal([await ordered(catalog, 'a'), await ordered(catalog, 'c')], [[], []])
    await catalog.transaction((trx) => placements.forget(trx, 'b'))
    assert.equal(await ordered(catalog, 'c'), [id])
    assert.equal(await nodes.list({ rowsMax: 1 }), [])
  })

  on('a cancelled one begins nothing more, for good', async ({ catalog }) => {
    const { placements } = catalog
    const { id } = await place(catalog)
    assert.is((await placements.cancel(id, nowMs)).state, 'cancelled')
    assert.equal(await ordered(catalog, 'a'), [])
    assert.is((await failureOf(placements.resume(id, { skip: false, nowMs }))).code, 'E_STATE')
    assert.is((await failureOf(placements.get(id + 1))).code, 'E_NOT_FOUND')
  })

  on('lists the newest first, in pages; ended ones give way', async ({ catalog, sql }) => {
    const { placements } = catalog
    const first = await place(catalog, { waves: [['a']] })
    const second = await place(catalog, { waves: [['a']] })
    const ids = async (init: Parameters<typeof placements.list>[0]) =>
      (await placements.list(init)).map(({ id }) => id)
    assert.equal(await ids({ rowsMax: 10 }), [second.id, first.id])
    assert.equal(await ids({ before: second.id, rowsMax: 10 }), [first.id])
    await sql(`insert into placements (namespace, name, version, manifest, labels, at, failures_max, state, author, created_at, modified_at)
      with recursive n(i) as (select 3 union all select i + 1 from n where i < ${PLACEMENTS_MAX})
      select namespace, name, i, manifest, labels, at, failures_max, state, author, created_at, modified_at
      from placements, n where id = ${second.id}`)
    await sql(`insert into places (placement, node, wave, state, runs, runs_total, modified_at)
      select id, 'z', 0, 'waiting', 0, 0, 0 from placements where id > ${second.id}`)
    assert.is((await failureOf(place(catalog))).code, 'E_LIMIT')
    await placements.cancel(second.id, nowMs)
    await place(catalog)
    assert.is((await failureOf(placements.get(second.id))).code, 'E_NOT_FOUND')
    assert.is((await placements.get(first.id)).id, first.id)
  })
}
