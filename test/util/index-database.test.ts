import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { IndexDatabase } from '../../src/util/index-database.ts'

const test = suite<{ dir: string }>('index database')
const SCHEMA = {
  version: 3,
  tables: 'CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY);',
  statements: { add: 'INSERT INTO things VALUES (?)', all: 'SELECT name FROM things ORDER BY name' },
}

test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'index-'))
})
test.after.each(({ dir }) => rm(dir, { recursive: true }))

const names = (db: IndexDatabase<'add' | 'all'>) => db.statements.all.all().map((row) => row['name'])

test('keeps what a transaction wrote, and nothing of one that failed', ({ dir }) => {
  const db = new IndexDatabase(join(dir, 'db'), SCHEMA)
  db.transaction(() => void db.statements.add.run('one'))
  assert.throws(
    () =>
      db.transaction(() => {
        db.statements.add.run('two')
        db.statements.add.run('one')
      }),
    /UNIQUE/,
  )
  db.close()
  const again = new IndexDatabase(join(dir, 'db'), SCHEMA)
  assert.equal(names(again), ['one'])
  again.close()
})

test('refuses a file of another version, and lets go of it', ({ dir }) => {
  const path = join(dir, 'db')
  new IndexDatabase(path, SCHEMA).close()
  assert.throws(() => new IndexDatabase(path, { ...SCHEMA, version: 4 }), /index has version 3/)
  const again = new IndexDatabase(path, SCHEMA)
  assert.equal(names(again), [])
  again.close()
})

test.run()
