// deadline: 300 s
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CatalogBackend, testCatalog } from '../../conformance/catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { noPostgres, PostgresServer } from '../../fixtures/postgres.ts'
import { temporaryDir, withScratch } from '../../fixtures/scratch.ts'

const sqlite: CatalogBackend = {
  name: 'SQLite',
  async open() {
    const { dir, remove } = await temporaryDir()
    const catalog = await openTestCatalog({ dir })
    return {
      catalog,
      other: catalog,
      async sql(text) {
        const db = new DatabaseSync(join(dir, 'catalog.sqlite'))
        db.exec(text)
        db.close()
      },
      again: () => openTestCatalog({ dir }),
      async close() {
        await catalog.close()
        await remove()
      },
    }
  },
}

let server: PostgresServer | undefined
/** A database with the tables of a catalog and nothing in them: what tests get a copy of. */
let template: string | undefined

const catalogAt = (dir: string, postgres: string) => openTestCatalog({ dir, location: { postgres } })

/** Both at once: of two trackers that start together one makes the tables. */
async function makeTables({ server, dir }: { server: PostgresServer; dir: string }): Promise<string> {
  const address = await server.database()
  const dirs = [await mkdtemp(join(dir, 'tracker-')), await mkdtemp(join(dir, 'tracker-'))]
  const catalogs = await Promise.all(dirs.map((own) => catalogAt(own, address)))
  for (const catalog of catalogs) await catalog.close()
  return new URL(address).pathname.slice(1)
}

const postgres: CatalogBackend = {
  name: 'PostgreSQL',
  missing: noPostgres(),
  async open() {
    server ??= await PostgresServer.start()
    const running = server
    const { dir, remove } = await temporaryDir()
    template ??= await makeTables({ server, dir })
    const address = await server.database(template)
    // Trackers of one site have the same name, and a journal each.
    const again = async () => {
      const own = await mkdtemp(join(dir, 'tracker-'))
      return await catalogAt(own, address)
    }
    const [catalog, other] = await Promise.all([again(), again()])
    return {
      ...{ catalog, other, again },
      sql: (text) => running.query(text, address),
      async close() {
        await catalog.close()
        await other.close()
        await remove()
      },
    }
  },
  async end() {
    await server?.remove()
  },
}

const test = suite('catalog in a file')

test('a file that is no catalog is an error of the disk', () =>
  withScratch(async (dir) => {
    assert.is((await failureOf(openTestCatalog({ dir, location: { path: dir } }))).code, 'E_STORAGE')
  }))

test.run()
testCatalog(sqlite)
testCatalog(postgres)
