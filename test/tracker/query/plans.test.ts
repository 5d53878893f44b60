import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { type CompiledQuery, Kysely } from 'kysely'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fillRegistry } from '../../../scripts/bench/registry-data.ts'
import { parseQuery } from '../../../src/core/query-parser.ts'
import type { Asker } from '../../../tracker/access/asker.ts'
import { openDatabase } from '../../../tracker/catalog/database.ts'
import type { CatalogSchema } from '../../../tracker/catalog/schema.ts'
import { nodeSqliteDialect } from '../../../tracker/catalog/sqlite-dialect.ts'
import { ImageLists } from '../../../tracker/query/image-lists.ts'
import { ImageSearch } from '../../../tracker/query/image-search.ts'
import { adminAsker, anonymousAsker, nodeAsker, userAsker } from '../../fixtures/askers.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  db: Kysely<CatalogSchema>
  /** Statements that were run, in their order. */
  statements: CompiledQuery[]
  plans: DatabaseSync
  askers: Record<string, Asker>
  remove: () => Promise<void>
}

const test = suite<Context>('plans of queries')
const nowMs = Date.now()

test.before(async (context) => {
  const { dir, remove } = await temporaryDir()
  const path = `${dir}/catalog.sqlite`
  await (await openDatabase({ path })).destroy()
  fillRegistry(path, { images: 1000, users: 200, groups: 50 })
  context.statements = []
  context.db = new Kysely({
    dialect: nodeSqliteDialect({ path }),
    log: ({ query }) => void context.statements.push(query),
  })
  context.plans = new DatabaseSync(path, { readOnly: true })
  context.remove = remove
  const { id } = context.plans.prepare(`select id from users where name = 'user7'`).get() as { id: number }
  const user = { id, name: 'user7', dn: '/CN=user7' }
  context.askers = {
    user: userAsker(user),
    modifier: userAsker(user, { permissions: ['image_modify_group'] }),
    admin: adminAsker(user),
    node: nodeAsker('node1'),
    anonymous: anonymousAsker,
  }
})
test.after(async ({ db, plans, remove }) => {
  await db.destroy()
  plans.close()
  await remove()
})

/** Steps of a plan that look at a whole table for each row of another, or at a whole large one where an index would do. */
function faultsOf({ plans }: Context, { sql, parameters }: CompiledQuery): string[] {
  const steps = plans.prepare(`explain query plan ${sql}`).all(...(parameters as SQLInputValue[])) as {
    id: number
    parent: number
    detail: string
  }[]
  const repeated = new Set<number>()
  const faults: string[] = []
  for (const { id, parent, detail } of steps) {
    if (detail.startsWith('CORRELATED') || repeated.has(parent)) repeated.add(id)
    const scans = detail.startsWith('SCAN')
    if (scans && (repeated.has(id) || /SCAN (acl_entries|versions|memberships)/.test(detail)))
      faults.push(`${detail} in ${sql}`)
  }
  assert.ok(steps.filter(({ detail }) => detail.startsWith('SCAN images')).length <= 1, sql)
  return faults
}

const QUERIES = [
  ...[
    '*',
    'name order by size desc',
    "* where access=public, property.key1='value 3'",
    'name where checksum=x',
  ],
  ...[
    'name where description~/year 1[0-9]$/ order by property.key2',
    'owner where version>1 and owner=user3',
  ],
  ...['* where unauthenticated_access=yes', 'property.key1 where namespace=user7', 'uuid where uuid=uuid5'],
]

test('nothing is scanned once for each row, whoever asks', async (context) => {
  const { db, statements, askers } = context
  const search = new ImageSearch({ db })
  const lists = new ImageLists({ db })
  for (const [name, asker] of Object.entries(askers)) {
    statements.length = 0
    for (const text of QUERIES) await search.search(asker, parseQuery(text), { nowMs })
    const { id } = context.askers['user'] as { id: number }
    for (const filter of [
      ...[{}, { owner: { id } }, { owner: { id }, isShared: true }, { sharedWithGroup: { name: 'group3' } }],
      { sharedWithUser: { id, name: 'user7' } },
    ])
      await lists.list(asker, filter, { nowMs })
    assert.ok(statements.length >= QUERIES.length + 5)
    for (const statement of statements) assert.equal(faultsOf(context, statement), [], name)
  }
})

test('the number of statements does not grow with the number of images', async (context) => {
  const { db, statements, askers } = context
  const asker = askers['admin'] as Asker
  const counts: number[] = []
  for (const limit of [10, 1000]) {
    statements.length = 0
    await new ImageSearch({ db }).search(asker, parseQuery(`* limit ${limit}`), { nowMs })
    await new ImageLists({ db }).list(asker, {}, { nowMs, limit })
    counts.push(statements.length)
  }
  assert.equal(counts, [3, 3])
})

test('values are bound, never written into a statement', async (context) => {
  const { db, statements, askers } = context
  statements.length = 0
  const evil = "x'; drop table images; --"
  const quoted = `'${evil.replaceAll("'", "''")}'`
  const text = `property.k where os=${quoted}, tag=${quoted}, property.k!=${quoted}, name~/drop/, description<${quoted}`
  await new ImageSearch({ db }).search(askers['user'] as Asker, parseQuery(text), { nowMs })
  for (const { sql } of statements) assert.not.match(sql, /drop/)
  assert.ok(statements.some(({ parameters }) => parameters.includes(evil)))
})

test.run()
