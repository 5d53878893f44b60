import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Kysely, sql } from 'kysely'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { postgresDialect } from '../../../tracker/catalog/postgres-dialect.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { noPostgres, PostgresServer } from '../../fixtures/postgres.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'

const missing = noPostgres()
const test = suite('PostgreSQL')
const on = testsThatNeed(test, missing)
let server: PostgresServer
let address: string

if (missing === undefined) {
  test.before(async () => {
    server = await PostgresServer.start()
    address = await server.database()
  })
  test.after(() => server.remove())
}

/** A pool of connections; `more` are parameters of the connection string. */
async function withDb(task: (db: Kysely<unknown>) => Promise<void>, more = ''): Promise<void> {
  const db = new Kysely<unknown>({ dialect: postgresDialect({ address: address + more }) })
  try {
    await task(db)
  } finally {
    await db.destroy()
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return (await failureOf(promise)).code
}

on('numbers, sums, bytes and truths come as from SQLite', () =>
  withDb(async (db) => {
    const bytes = Uint8Array.of(0, 255, 7)
    const { rows } = await sql<Record<string, unknown>>`
      select 9007199254740991::bigint as big, sum(n) as sum, count(*) as count, 1 = 1 as yes, ${bytes}::bytea as bytes,
        null::bigint as nothing from generate_series(1, 3) as n`.execute(db)
    assert.equal(rows, [{ big: 2 ** 53 - 1, sum: 6, count: 3, yes: 1, bytes, nothing: null }])
    const inexact = sql`select 9007199254740993::bigint as n`.execute(db)
    assert.is(await codeOf(inexact), 'E_STORAGE')
    await sql`select 1`.execute(db)
  }),
)

on('errors of the server say what they mean', () =>
  withDb(async (db) => {
    const raise = (code: string) =>
      sql.raw(`do $$ begin raise exception using errcode = '${code}'; end $$`).execute(db)
    const codes = {
      ...{
        '53100': 'E_STORAGE_FULL',
        '53200': 'E_STORAGE',
        '53300': 'E_BUSY',
        '58030': 'E_STORAGE',
        XX001: 'E_STORAGE',
      },
      ...{
        '23505': 'E_CONFLICT',
        '23503': 'E_CONFLICT',
        '40001': 'E_BUSY',
        '40P01': 'E_BUSY',
        '57014': 'E_BUSY',
      },
      ...{
        '22021': 'E_INVALID',
        '22003': 'E_INVALID',
        '25006': 'E_STORAGE',
        '42501': 'E_STORAGE',
        '08006': 'E_BUSY',
      },
    }
    for (const [sqlState, code] of Object.entries(codes))
      assert.is(await codeOf(raise(sqlState)), code, sqlState)
    const defect = await failureOf(sql`select nothing`.execute(db))
    assert.is(defect.code, '42703', 'a defect stays what it is')
    assert.is(await codeOf(sql`select ${'a\0b'}::text`.execute(db)), 'E_INVALID')
  }),
)

on('a statement that takes too long is ended, and so is a transaction that does nothing', async () => {
  await withDb(async (db) => {
    assert.is(await codeOf(sql`select pg_sleep(10)`.execute(db)), 'E_BUSY')
    await sql`select 1`.execute(db)
  }, '&statement_timeout=50')
  await withDb(async (db) => {
    const pausing = db.transaction().execute(async (trx) => {
      await sql`select 1`.execute(trx)
      await sleep(400)
      await sql`select 1`.execute(trx)
    })
    assert.is(await codeOf(pausing), 'E_BUSY')
    await sql`select 1`.execute(db)
  }, '&idle_in_transaction_session_timeout=50')
})

on('an error that was caught within a transaction does not look like success', () =>
  withDb(async (db) => {
    const change = db.transaction().execute(async (trx) => {
      await sql`create table taken_back (id int)`.execute(trx)
      await sql`select 1 / 0`.execute(trx).catch(() => {})
    })
    assert.is(await codeOf(change), 'E_STORAGE')
    assert.is(await codeOf(sql`select * from taken_back`.execute(db)), '42P01')
  }),
)

on('a connection that is cut in the midst of a transaction costs that one', () =>
  withDb(async (db) => {
    await sql`create table cut (id int)`.execute(db)
    const change = db.transaction().execute(async (trx) => {
      await sql`insert into cut values (1)`.execute(trx)
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
      await server.query(`select pg_terminate_backend(${rows[0]?.pid})`, address)
      // The connection ends while nobody asks anything of it.
      await sleep(50)
      await sql`insert into cut values (2)`.execute(trx)
    })
    assert.is(await codeOf(change), 'E_BUSY')
    assert.equal((await sql`select * from cut`.execute(db)).rows, [])
  }),
)

on('an outage is said, and over when it is over', () =>
  withDb(async (db) => {
    const ask = () => sql`select 1`.execute(db)
    for (const how of ['fast', 'immediate'] as const) {
      await Promise.all([ask(), ask(), ask()])
      await server.down(how)
      const away = await failureOf(ask())
      assert.is(away.code, 'E_BUSY')
      assert.match(away.message, /database/)
      assert.is(await codeOf(ask()), 'E_BUSY')
      assert.is(await codeOf(db.transaction().execute(() => ask())), 'E_BUSY')
      await server.up()
      await Promise.all([ask(), ask(), ask()])
    }
  }),
)

on('a server that does not answer is given up, and asked again later', () =>
  withDb(async (db) => {
    const ask = () => sql`select 1`.execute(db)
    await ask()
    server.freeze('SIGSTOP')
    try {
      assert.is(await codeOf(ask()), 'E_BUSY')
    } finally {
      server.freeze('SIGCONT')
    }
    await ask()
  }, '&query_timeout=200'),
)

on('more requests than connections wait for each other', () =>
  withDb(async (db) => {
    const asked = Array.from({ length: 60 }, () => sql`select pg_sleep(0.01)`.execute(db))
    assert.is((await Promise.all(asked)).length, 60)
    const connections = await server.query(
      `select 1 from pg_stat_activity where application_name = 'bootswarm'`,
      address,
    )
    assert.ok(connections.length <= 16)
  }),
)

on('a wrong password, role or database says so, and no secret', async () => {
  await server.wantPassword('guarded', 'right-one')
  const at = (user: string, password: string, name = 'postgres') =>
    `postgres:///${name}?host=${encodeURIComponent(server.dir)}&user=${user}${password}`
  const wrong = {
    [at('guarded', '&password=s3cret-wrong')]: /password/,
    [at('guarded', '')]: /wants a password/,
    [at('tester', '', 'nowhere')]: /does not exist/,
    [at('stranger', '')]: /does not let/,
  }
  for (const [address, message] of Object.entries(wrong)) {
    const db = new Kysely<unknown>({ dialect: postgresDialect({ address }) })
    const error = await failureOf(sql`select 1`.execute(db))
    assert.is(error.code, 'E_CONFIG')
    assert.match(error.message, message)
    assert.not.match(inspect(error, { depth: 10, showHidden: true }), /s3cret/)
    await db.destroy()
  }
  const db = new Kysely<unknown>({
    dialect: postgresDialect({ address: at('guarded', '&password=right-one') }),
  })
  await sql`select 1`.execute(db)
  await db.destroy()
  assert.throws(
    () => postgresDialect({ address: 'postgres://u:s3cret@host/db?sslrootcert=/nowhere/ca.pem' }),
    (error: unknown) => {
      assert.not.match(inspect(error, { depth: 10, showHidden: true }), /s3cret/)
      return (error as { code?: string }).code === 'E_CONFIG'
    },
  )
})

test.run()
