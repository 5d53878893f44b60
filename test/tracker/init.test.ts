import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readAdminsFile } from '../../tracker/accounts/first-admins.ts'
import { loadTrackerConfig } from '../../tracker/config.ts'
import { initTracker } from '../../tracker/init.ts'
import { failureOf } from '../fixtures/failure.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('tracker init')
const admins = ['alice,alice@example.org,/O=Example/CN=alice', 'bob,,/O=Example/CN=bob']

test('writes a configuration that can be read, the admins, and an empty data folder', async () => {
  await withScratch(async (scratch) => {
    const dir = join(scratch, 'new/tracker')
    const path = await initTracker({ dir, admins, listen: '127.0.0.1:0', certificate: 'keys/t.pem' })
    assert.is(path, join(dir, 'tracker.yaml'))
    const config = await loadTrackerConfig(path)
    assert.equal(config.listen, { host: '127.0.0.1', port: 0 })
    assert.equal(config.identity, {
      certificate: join(dir, 'keys/t.pem'),
      key: join(dir, 'tracker.key'),
      ca: join(dir, 'ca.pem'),
    })
    assert.is(config.users.onFirstContact, 'refuse')
    const list = await readAdminsFile(config.adminsFile ?? '')
    assert.equal(
      list.map(({ name }) => name),
      ['alice', 'bob'],
    )
    assert.equal(await readdir(config.dataDir), [])
    assert.is((await stat(config.dataDir)).mode & 0o777, 0o700)
  })
})

test('overwrites nothing', async () => {
  await withScratch(async (dir) => {
    const path = await initTracker({ dir, admins })
    const before = await readFile(path, 'utf8')
    const refused = await failureOf(initTracker({ dir, admins, listen: '0.0.0.0:1' }))
    assert.is(refused.code, 'E_CONFLICT')
    assert.match(refused.message, 'tracker.yaml exists')
    assert.is(await readFile(path, 'utf8'), before)
  })
})

test('makes nothing without a proper admin', async () => {
  await withScratch(async (dir) => {
    for (const list of [[], ['alice'], ['alice,,/CN=a\nmallory,,/CN=m']])
      assert.is((await failureOf(initTracker({ dir, admins: list }))).code, 'E_INVALID')
    assert.equal(await readdir(dir), [])
  })
})

test.run()
