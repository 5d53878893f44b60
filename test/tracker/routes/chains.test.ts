import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AclView, ChainReport, RepairAnswer } from '../../../src/api/acl-schemas.ts'
import { fillPath, TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import { AccountSite, outcome } from '../../fixtures/account-site.ts'
import { editDatabase } from '../../fixtures/registry.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage } from '../../fixtures/tracker.ts'

const test = suite<{ site: AccountSite; data: string }>('chain routes')
const acl = fillPath(TRACKER_PATHS.imageAcl, { namespace: 'alice', name: 'debian' })
const { chains, chainRepairs } = TRACKER_PATHS

test.before(async (context) => {
  context.site = await AccountSite.start()
  const { site, tracker } = context.site
  context.data = join(site.dir, 'data')
  await context.site.meet('admin', 'alice', 'bob')
  const client = site.client(tracker.url, await site.user('alice'))
  await pushImage(client, testImage({ seed: 'one', blocks: 5 }), { to: 'alice/debian' })
  await context.site.data('alice', `POST ${acl}`, { kind: 'user', subject: 'bob', right: 'read' })
})
test.after(async ({ site }) => await site?.stop())

test('an admin sees that all is well', async ({ site }) => {
  const report = await site.data<ChainReport>('admin', `POST ${chains}`, {})
  assert.equal([report.chains, report.statements, report.problems], [3, 4, []])
  assert.equal(await site.data<RepairAnswer>('admin', `POST ${chainRepairs}`, { target: 'all' }), [])
  for (const [path, body] of [
    [chains, {}],
    [chainRepairs, { target: 'all' }],
  ] as const)
    assert.is(outcome(await site.as('alice', `POST ${path}`, body)), '403 E_NOT_AUTHORISED')
})

test('an ACL that was put back decides nothing until an admin has repaired it', async ({ site, data }) => {
  const image = fillPath(TRACKER_PATHS.image, { namespace: 'alice', name: 'debian' })
  editDatabase(data, (db) => db.exec("delete from acls where target like 'image:%' and version = 2"))
  for (const who of ['alice', 'bob']) assert.is(outcome(await site.as(who, `GET ${image}`)), '500 E_TAMPERED')
  assert.is(outcome(await site.as('admin', `GET ${image}`)), '200')
  const { problems } = await site.data<ChainReport>('admin', `POST ${chains}`, {})
  assert.match(problems[0]?.problem ?? '', /was put back: number 2 was there, now it is 1/)
  const [repaired] = await site.data<RepairAnswer>('admin', `POST ${chainRepairs}`, { target: 'all' })
  assert.equal([repaired?.target, repaired?.serial, repaired?.entries], [problems[0]?.target, 3, 0])
  assert.equal((await site.data<AclView>('alice', `GET ${acl}`)).version, 3)
  assert.is(outcome(await site.as('bob', `GET ${image}`)), '403 E_NOT_AUTHORISED')
  assert.equal((await site.data<ChainReport>('admin', `POST ${chains}`, {})).problems, [])
})

test('what there is not cannot be repaired', async ({ site }) => {
  const repair = async (body: object) => outcome(await site.as('admin', `POST ${chainRepairs}`, body))
  assert.is(await repair({ target: 'image:none' }), '404 E_NOT_FOUND')
  assert.is(await repair({ target: 'x'.repeat(400) }), '400 E_INVALID')
  assert.is(await repair({}), '400 E_INVALID')
})

test.run()
