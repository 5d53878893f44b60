// deadline: 600 s
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { noPostgres, PostgresServer } from '../../fixtures/postgres.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'
import { TEST_DATABASE } from '../../fixtures/test-database.ts'

/** What changes the catalog in other ways than the conformance suite does, and looks at it through catalogs and trackers alone. */
const FILES = [
  'acl/acl-book.test.ts',
  'catalog/history-catalog.test.ts',
  'catalog/image-changes.test.ts',
  'catalog/image-states.test.ts',
  'catalog/quota.test.ts',
  'routes/acls.test.ts',
  'routes/groups.test.ts',
  'routes/images-change.test.ts',
  'routes/images-create.test.ts',
  'routes/images-list.test.ts',
  'routes/namespaces.test.ts',
  'routes/nodes.test.ts',
  'routes/profiles.test.ts',
  'routes/shares.test.ts',
  'routes/users.test.ts',
  'uploads/uploads.test.ts',
]

const missing = noPostgres()
const test = suite('the same on PostgreSQL')
const on = testsThatNeed(test, missing)
const run = promisify(execFile)
let server: PostgresServer

if (missing === undefined) {
  test.before(async () => {
    server = await PostgresServer.start()
  })
  test.after(() => server.remove())
}

for (const file of FILES) {
  on(file, async () => {
    const env = { ...process.env, [TEST_DATABASE]: server.address('postgres') }
    const path = join(import.meta.dirname, '..', file)
    const result = await run(process.execPath, [path], { env }).catch(
      (error: { stdout: string; stderr: string }) => error,
    )
    const text = `${result.stdout}\n${result.stderr}`
    if (result instanceof Error) assert.unreachable(text)
    assert.match(text, /Total: +[1-9]/)
  })
}

test.run()
