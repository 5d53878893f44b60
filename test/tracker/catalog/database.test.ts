import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openDatabase } from '../../../tracker/catalog/database.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { noPostgres, PostgresServer } from '../../fixtures/postgres.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'

const missing = noPostgres()
const test = suite('database')
const on = testsThatNeed(test, missing)

on('an older server is refused', async () => {
  const server = await PostgresServer.start()
  try {
    const address = await server.database()
    // What the server says of itself, as one before 15 does.
    await server.query(
      `create schema older; create function older.current_setting(name text) returns text language sql as
        $$ select case name when 'server_version_num' then '140011' else '14.11' end $$`,
      address,
    )
    const options = encodeURIComponent('-c search_path=older,public,pg_catalog')
    const error = await failureOf(openDatabase({ postgres: `${address}&options=${options}` }))
    assert.is(error.code, 'E_CONFIG')
    assert.match(error.message, /PostgreSQL 14\.11, and the tracker needs 15/)
    assert.equal(await server.query(`select 1 from pg_tables where schemaname = 'public'`, address), [])
  } finally {
    await server.remove()
  }
})

test('a server that is not there is said at once', async () => {
  const error = await failureOf(openDatabase({ postgres: 'postgres:///bootswarm?host=/nowhere' }))
  assert.is(error.code, 'E_BUSY')
  assert.match(error.message, /ENOENT/)
})

test.run()
