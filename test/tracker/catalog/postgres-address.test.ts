import { chmod, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { postgresAddress } from '../../../tracker/catalog/postgres-address.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('address of PostgreSQL')

test('the user is who runs the tracker, unless it is given', async () => {
  const user = encodeURIComponent(userInfo().username)
  const given = async (postgres: string) => await postgresAddress({ postgres })
  assert.is(
    await given('postgres:///bootswarm?host=/run/postgresql'),
    `postgres:///bootswarm?host=%2Frun%2Fpostgresql&user=${user}`,
  )
  for (const address of ['postgres://alice@db.example:5433/bootswarm', 'postgresql:///b?user=alice'])
    assert.is(await given(address), address)
})

test('what is no connection string is not repeated', async () => {
  for (const postgres of [
    's3cret',
    'http://s3cret@host/db',
    'postgres://host',
    'postgres://host/',
    'postgres://[s3cret/x',
    '',
  ]) {
    const error = await failureOf(postgresAddress({ postgres }))
    assert.is(error.code, 'E_CONFIG')
    assert.not.match(inspect(error, { depth: 10, showHidden: true }), /s3cret/)
  }
})

test('a password does not belong into the configuration', async () => {
  for (const postgres of ['postgres://alice:s3cret@host/db', 'postgres://alice@host/db?password=s3cret']) {
    const error = await failureOf(postgresAddress({ postgres }))
    assert.is(error.code, 'E_CONFIG')
    assert.match(error.message, /postgresFile/)
    assert.not.match(inspect(error, { depth: 10 }), /s3cret/)
  }
})

test('a file with a secret is for its owner alone', () =>
  withScratch(async (dir) => {
    const postgresFile = join(dir, 'database.url')
    assert.match((await failureOf(postgresAddress({ postgresFile }))).message, /cannot be read/)
    const address = 'postgres://alice:s3cret@host/db'
    await writeFile(postgresFile, `${address}\n`, { mode: 0o640 })
    await chmod(postgresFile, 0o640)
    const open = await failureOf(postgresAddress({ postgresFile }))
    assert.match(open.message, /chmod 600/)
    await chmod(postgresFile, 0o600)
    assert.is(await postgresAddress({ postgresFile }), address)
    await writeFile(postgresFile, `${address}?x=${'y'.repeat(5000)}`)
    assert.match((await failureOf(postgresAddress({ postgresFile }))).message, /too large/)
  }))

test.run()
