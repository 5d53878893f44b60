import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../src/core/clock.ts'
import { appointAdmins, parseAdmin, readAdminsFile } from '../../../tracker/accounts/first-admins.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('first admins')
const alice = { name: 'alice', email: 'alice@example.org', dn: '/O=Example, Inc./CN=alice' }

async function read(text: string) {
  return await withScratch(async (dir) => {
    const path = join(dir, 'admins.csv')
    await writeFile(path, text)
    return await readAdminsFile(path)
  })
}

test('a line is name, email and distinguished name, which may have commas', () => {
  assert.equal(parseAdmin('alice, alice@example.org ,/O=Example, Inc./CN=alice'), alice)
  assert.is(parseAdmin('bob,,/CN=bob').email, null)
  for (const line of [
    '',
    'alice',
    'alice,/CN=alice',
    'alice,a@b.c,CN=alice',
    'alice,a@b.c,/',
    'a b,,/CN=a',
    ',,/CN=a',
  ])
    assert.throws(() => parseAdmin(line))
  assert.throws(() => parseAdmin('alice,nowhere,/CN=alice'), 'no e-mail address')
})

test('a file has one a line, with remarks between', async () => {
  const text = '# who started it\n\nalice,alice@example.org,/O=Example, Inc./CN=alice\r\nbob,,/CN=bob\n'
  assert.equal(await read(text), [alice, { name: 'bob', email: null, dn: '/CN=bob' }])
  assert.equal(await read(''), [])
})

test('what is wrong is named with its line', async () => {
  const wrong = await failureOf(read('# admins\nalice,,/CN=alice\nbob'))
  assert.is(wrong.code, 'E_CONFIG')
  assert.match(wrong.message, /admins\.csv, line 3: an admin is name,email,dn/)
  assert.match(
    (await failureOf(read('alice,,/CN=a\nalice,,/CN=b'))).message,
    'line 2: alice is there already',
  )
  assert.match((await failureOf(read('alice,,/CN=a\nbob,,/CN=a'))).message, 'line 2: alice is there already')
  assert.match((await failureOf(readAdminsFile('/nonexistent/admins.csv'))).message, 'cannot be read')
})

test('who is named is an active admin from the start, and once', async () => {
  await withScratch(async (dir) => {
    const catalog = await openTestCatalog({ dir })
    const adminsFile = join(dir, 'admins.csv')
    await writeFile(adminsFile, 'alice,alice@example.org,/O=Example/CN=Alice Smith\n')
    const init = { admins: ['/O=Example/CN=Alice Smith', '/O=Example/CN=Bob Jones'], adminsFile }
    const components = { users: catalog.users, clock: systemClock }
    for (let start = 0; start < 2; start++) await appointAdmins(components, init)
    assert.equal(await catalog.users.names(), ['Bob.Jones', 'alice'])
    const user = await catalog.users.byName('alice')
    assert.equal([user?.email, user?.state], ['alice@example.org', 'active'])
    const { groups } = await catalog.users.standing(user ?? { id: 0 })
    assert.equal([...groups].sort(), ['admins', 'users'])
    await writeFile(adminsFile, 'alice,,/O=Example/CN=Another Alice\n')
    const refused = await failureOf(appointAdmins(components, init))
    assert.is(refused.code, 'E_CONFIG')
    assert.match(refused.message, 'Another Alice cannot become an admin: there is a user called alice')
    await catalog.close()
  })
})

test('a suspended admin stays suspended', async () => {
  await withScratch(async (dir) => {
    const catalog = await openTestCatalog({ dir })
    const init = { admins: ['/CN=alice', '/CN=bob'], adminsFile: undefined }
    const components = { users: catalog.users, clock: systemClock }
    await appointAdmins(components, init)
    const user = await catalog.users.byName('alice')
    await catalog.userChanges.change(user ?? { id: 0 }, { state: 'suspended' }, { nowMs: 1 })
    await appointAdmins(components, init)
    assert.is((await catalog.users.byName('alice'))?.state, 'suspended')
    await catalog.close()
  })
})

test.run()
