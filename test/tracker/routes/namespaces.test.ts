import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NamespaceObject } from '../../../src/api/group-schemas.ts'
import { TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import type { WhoamiAnswer } from '../../../src/api/user-schemas.ts'
import { AccountSite, outcome } from '../../fixtures/account-site.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage } from '../../fixtures/tracker.ts'

const test = suite<{ site: AccountSite }>('namespaces')
const { namespaces } = TRACKER_PATHS
const image = testImage({ seed: 'namespaces', blocks: 3 })

test.before(async (context) => {
  context.site = await AccountSite.start()
  await context.site.meet('admin', 'alice', 'bob', 'carol')
  await context.site.group('physics', { users: ['alice', 'bob'] })
})
test.after(async ({ site }) => await site?.stop())

async function push(site: AccountSite, name: string, to: string): Promise<unknown> {
  return await pushImage(site.site.client(site.tracker.url, await site.site.user(name)), image, { to })
}

test('members of a group write into its namespace, others do not', async ({ site }) => {
  const made = await site.as('admin', `POST ${namespaces}`, { namespace: 'atlas', group: 'physics' })
  assert.is(made.status, 201)
  const { namespace, user, group } = JSON.parse(made.body.toString()) as NamespaceObject
  assert.equal([namespace, user, group], ['atlas', null, 'physics'])
  await push(site, 'alice', 'atlas/debian')
  await push(site, 'bob', 'atlas/debian')
  assert.is((await failureOf(push(site, 'carol', 'atlas/debian'))).code, 'E_NOT_AUTHORISED')
  assert.equal((await site.data<WhoamiAnswer>('bob', 'GET /api/whoami')).namespaces, ['atlas'])
  assert.equal((await site.data<WhoamiAnswer>('carol', 'GET /api/whoami')).namespaces, [])
})

test('everybody makes its own namespace, admins those of others', async ({ site }) => {
  const post = async (who: string, body: object) => outcome(await site.as(who, `POST ${namespaces}`, body))
  assert.is(await post('carol', { namespace: 'carol' }), '201')
  assert.is(await post('carol', { namespace: 'carol' }), '409 E_CONFLICT')
  assert.is(await post('carol', { namespace: 'x', user: 'carol' }), '403 E_NOT_AUTHORISED')
  assert.is(await post('carol', { namespace: 'x', group: 'physics' }), '403 E_NOT_AUTHORISED')
  assert.is(await post('admin', { namespace: 'y', user: 'carol', group: 'physics' }), '400 E_INVALID')
  assert.is(await post('admin', { namespace: 'y', user: 'none' }), '400 E_INVALID')
  assert.is(await post('admin', { namespace: 'y', group: 'nodes' }), '400 E_INVALID')
  assert.is(await post('admin', { namespace: 'raw', user: 'carol' }), '400 E_INVALID')
  assert.is(await post('admin', { namespace: 'atlas', user: 'carol' }), '409 E_CONFLICT')
  assert.is(await post('admin', { namespace: 'y', user: 'carol' }), '201')
  assert.is(await post('nobody', { namespace: 'z' }), '403 E_CERTIFICATE')
})

test('the namespace that is called like somebody is that one’s', async ({ site }) => {
  const post = async (body: object) => outcome(await site.as('admin', `POST ${namespaces}`, body))
  assert.is(await post({ namespace: 'bob', user: 'carol' }), '409 E_CONFLICT')
  assert.is(await post({ namespace: 'physics', user: 'alice' }), '409 E_CONFLICT')
  assert.is((await failureOf(push(site, 'carol', 'bob/x'))).code, 'E_NOT_AUTHORISED')
  assert.is(await post({ namespace: 'physics', group: 'physics' }), '201')
  assert.is(
    outcome(await site.as('admin', `POST ${TRACKER_PATHS.groups}`, { name: 'atlas' })),
    '409 E_CONFLICT',
  )
})

test('a list has every namespace and its owner', async ({ site }) => {
  const list = await site.data<NamespaceObject[]>('carol', `GET ${namespaces}`)
  assert.equal(
    list.map(({ namespace, user, group }) => [namespace, user ?? group]),
    [
      ['atlas', 'physics'],
      ['carol', 'carol'],
      ['physics', 'physics'],
      ['y', 'carol'],
    ],
  )
  assert.match(list[0]?.created ?? '', /^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/)
  assert.is(outcome(await site.as('nobody', `GET ${namespaces}`)), '403 E_CERTIFICATE')
})

test('an empty namespace goes by its owner and by admins', async ({ site }) => {
  const remove = async (who: string, name: string) =>
    outcome(await site.as(who, `DELETE ${namespaces}/${name}`))
  assert.is(await remove('bob', 'carol'), '403 E_NOT_AUTHORISED')
  assert.is(await remove('alice', 'atlas'), '403 E_NOT_AUTHORISED')
  assert.is(await remove('admin', 'atlas'), '409 E_STATE')
  assert.is(await remove('carol', 'y'), '200')
  assert.is(await remove('admin', 'y'), '404 E_NOT_FOUND')
  assert.is(await remove('carol', 'carol'), '200')
  assert.is((await site.as('admin', 'DELETE /api/images/atlas/debian')).status < 300, true)
  assert.is(await remove('admin', 'atlas'), '200')
})

test('a group with namespaces stays, and its namespaces follow its name', async ({ site }) => {
  const { groups } = TRACKER_PATHS
  await push(site, 'alice', 'physics/debian')
  assert.is(outcome(await site.as('admin', `DELETE ${groups}/physics`)), '409 E_STATE')
  assert.is(outcome(await site.as('admin', `POST ${groups}/physics`, { name: 'particles' })), '200')
  await push(site, 'bob', 'physics/debian')
  const [physics] = await site.data<NamespaceObject[]>('bob', `GET ${namespaces}`)
  assert.equal([physics?.namespace, physics?.group], ['physics', 'particles'])
})

test('what a user made for a group stays with the group', async ({ site }) => {
  assert.is(outcome(await site.as('admin', 'DELETE /api/users/alice')), '200')
  assert.is((await site.as('bob', 'GET /api/images/physics/debian')).status, 200)
  await push(site, 'bob', 'physics/debian')
  assert.is(
    outcome(await site.as('admin', `POST ${TRACKER_PATHS.groups}/particles`, { name: 'quarks' })),
    '200',
  )
  assert.is((await site.as('bob', 'GET /api/images/physics/debian')).status, 200)
})

test.run()
