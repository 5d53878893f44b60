import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GroupObject } from '../../../src/api/group-schemas.ts'
import { fillPath, TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import { AccountSite, outcome } from '../../fixtures/account-site.ts'

const test = suite<{ site: AccountSite }>('groups')
const { groups } = TRACKER_PATHS

test.before(async (context) => {
  context.site = await AccountSite.start()
  await context.site.meet('admin', 'alice', 'bob', 'carol')
  const permissions = ['group_create', 'group_modify', 'group_delete']
  await context.site.group('stewards', { users: ['carol'], permissions })
})
test.after(async ({ site }) => await site?.stop())

const lastParts = (urls: readonly string[]) => urls.map((url) => url.split('/').at(-1))

test('every tracker has admins and users', async ({ site }) => {
  assert.equal(lastParts(await site.data<string[]>('alice', `GET ${groups}`)), [
    'admins',
    'stewards',
    'users',
  ])
  const admins = await site.data<GroupObject>('alice', `GET ${groups}/admins`)
  assert.equal([lastParts(admins.users), admins.permissions.length], [['admin'], 14])
  const all = await site.data<GroupObject>('alice', `GET ${groups}/users`)
  assert.equal(all.permissions, ['image_create', 'user_modify_self'])
  assert.is(outcome(await site.as('alice', `GET ${groups}/none`)), '404 E_NOT_FOUND')
  for (const path of [
    groups,
    `${groups}/users`,
    `${groups}/users/users`,
    `${groups}/users/permissions`,
    `${groups}/users/shared`,
  ])
    assert.is(outcome(await site.as('nobody', `GET ${path}`)), '403 E_CERTIFICATE')
})

test('a group is made by who may, once', async ({ site }) => {
  const made = await site.form('carol', `POST ${groups}`, 'name=physics&users=alice%2Cbob')
  assert.is(made.status, 200, made.body.toString())
  const { name, users, permissions } = JSON.parse(made.body.toString()) as GroupObject
  assert.equal([name, lastParts(users), permissions], ['physics', ['alice', 'bob'], []])
  const post = async (who: string, body: object) => outcome(await site.as(who, `POST ${groups}`, body))
  assert.is(await post('alice', { name: 'chemistry' }), '403 E_NOT_AUTHORISED')
  assert.is(await post('carol', {}), '400 E_INVALID')
  assert.is(await post('carol', { name: 'a b' }), '400 E_INVALID')
  assert.is(await post('carol', { name: 'chemistry', users: ['none'] }), '400 E_INVALID')
  for (const name of ['physics', 'alice', 'nodes', 'users', 'raw'])
    assert.is(await post('carol', { name }), '409 E_CONFLICT', name)
})

test('members come and go, as often as one says so', async ({ site }) => {
  const member = (user: string, group = 'physics') => fillPath(TRACKER_PATHS.groupUser, { group, user })
  const members = async () => lastParts(await site.data<string[]>('bob', `GET ${groups}/physics/users`))
  for (let i = 0; i < 2; i++) assert.is(outcome(await site.as('admin', `POST ${member('carol')}`)), '200')
  assert.equal(await members(), ['alice', 'bob', 'carol'])
  for (let i = 0; i < 2; i++) {
    const { status, headers } = await site.as('admin', `DELETE ${member('carol')}`)
    assert.equal([status, headers['content-length']], [200, '0'])
  }
  assert.equal(await members(), ['alice', 'bob'])
  assert.is(outcome(await site.as('alice', `POST ${member('carol')}`)), '403 E_NOT_AUTHORISED')
  assert.is(outcome(await site.as('alice', `DELETE ${member('bob')}`)), '403 E_NOT_AUTHORISED')
  assert.is(outcome(await site.as('admin', `POST ${member('none')}`)), '404 E_NOT_FOUND')
  assert.is(outcome(await site.as('admin', `POST ${member('alice', 'none')}`)), '404 E_NOT_FOUND')
  assert.is(outcome(await site.as('admin', `POST ${member('alice', 'users')}`)), '200')
  assert.is(outcome(await site.as('admin', `DELETE ${member('alice', 'users')}`)), '409 E_STATE')
  assert.is(outcome(await site.as('admin', `DELETE ${member('admin', 'admins')}`)), '409 E_STATE')
  assert.is(outcome(await site.as('admin', `DELETE ${member('bob', 'none')}`)), '404 E_NOT_FOUND')
})

test('permissions come and go, as often as one says so', async ({ site }) => {
  const of = (permission: string, group = 'physics') =>
    fillPath(TRACKER_PATHS.groupPermission, { group, permission })
  const held = () => site.data<string[]>('bob', `GET ${groups}/physics/permissions`)
  for (let i = 0; i < 2; i++) assert.is(outcome(await site.as('admin', `POST ${of('image_modify')}`)), '200')
  assert.equal(await held(), ['image_modify'])
  for (let i = 0; i < 2; i++)
    assert.is(outcome(await site.as('admin', `DELETE ${of('image_modify')}`)), '200')
  assert.equal(await held(), [])
  assert.is(outcome(await site.as('alice', `POST ${of('image_modify')}`)), '403 E_NOT_AUTHORISED')
  assert.is(outcome(await site.as('alice', `DELETE ${of('image_modify')}`)), '403 E_NOT_AUTHORISED')
  assert.is(outcome(await site.as('admin', `POST ${of('image_paint')}`)), '404 E_NOT_FOUND')
  assert.is(outcome(await site.as('admin', `POST ${of('image_modify', 'none')}`)), '404 E_NOT_FOUND')
  assert.is(outcome(await site.as('admin', `POST ${of('image_modify', 'admins')}`)), '200')
  assert.is(outcome(await site.as('admin', `DELETE ${of('image_modify', 'admins')}`)), '409 E_STATE')
})

test('nobody gives more than they have', async ({ site }) => {
  await site.meet('dora', 'emil')
  const permissions = ['group_modify', 'group_modify_membership', 'group_modify_permissions']
  await site.group('registrars', { users: ['dora'], permissions })
  await site.group('strong', { permissions: ['user_delete'] })
  const call = async (request: string, body?: object) => outcome(await site.as('dora', request, body))
  assert.is(await call(`POST ${groups}/admins/users/dora`), '403 E_NOT_AUTHORISED')
  assert.is(await call(`DELETE ${groups}/admins/users/admin`), '403 E_NOT_AUTHORISED')
  assert.is(await call(`POST ${groups}/strong/users/dora`), '403 E_NOT_AUTHORISED')
  assert.is(await call(`POST ${groups}/registrars/permissions/user_delete`), '403 E_NOT_AUTHORISED')
  assert.is(await call(`POST ${groups}/users/permissions/group_modify`), '403 E_NOT_AUTHORISED')
  assert.is(await call(`POST ${groups}/registrars`, { permissions: 'user_delete' }), '403 E_NOT_AUTHORISED')
  assert.is(await call(`POST ${groups}/strong`, { users: 'dora' }), '403 E_NOT_AUTHORISED')
  assert.is(await call(`POST ${groups}/registrars/users/emil`), '200')
  assert.is(await call(`DELETE ${groups}/strong/permissions/user_delete`), '200')
})

test('a group gets another name, other members and permissions', async ({ site }) => {
  const change = async (who: string, group: string, body: object) =>
    outcome(await site.as(who, `POST ${groups}/${group}`, body))
  assert.is(await change('carol', 'physics', { name: 'particles' }), '200')
  assert.is(outcome(await site.as('alice', `GET ${groups}/physics`)), '404 E_NOT_FOUND')
  assert.is(
    await change('admin', 'particles', { users: 'bob,carol', permissions: 'image_create,image_modify' }),
    '200',
  )
  const { users, permissions } = await site.data<GroupObject>('alice', `GET ${groups}/particles`)
  assert.equal(
    [lastParts(users), permissions],
    [
      ['bob', 'carol'],
      ['image_create', 'image_modify'],
    ],
  )
  assert.is(await change('carol', 'none', { name: 'x' }), '404 E_NOT_FOUND')
  assert.is(await change('alice', 'particles', { name: 'x' }), '403 E_NOT_AUTHORISED')
  assert.is(await change('carol', 'particles', { name: 'alice' }), '409 E_CONFLICT')
  assert.is(await change('carol', 'users', { name: 'everybody' }), '403 E_NOT_AUTHORISED')
  assert.is(await change('carol', 'particles', { users: 'bob' }), '403 E_NOT_AUTHORISED')
  assert.is(await change('carol', 'particles', { permissions: '' }), '403 E_NOT_AUTHORISED')
  assert.is(await change('admin', 'particles', { users: 'none' }), '400 E_INVALID')
  assert.is(await change('admin', 'particles', { permissions: 'image_paint' }), '400 E_INVALID')
  assert.is(await change('admin', 'particles', { colour: 'blue' }), '400 E_INVALID')
  assert.is(await change('admin', 'admins', { users: 'alice' }), '200')
  assert.is(await change('alice', 'admins', { users: 'admin' }), '200')
  assert.is(await change('admin', 'admins', { users: '' }), '409 E_STATE')
  assert.is(await change('admin', 'users', { users: '' }), '409 E_STATE')
})

test('a group goes, its members stay', async ({ site }) => {
  const remove = async (who: string, group: string) =>
    outcome(await site.as(who, `DELETE ${groups}/${group}`))
  assert.is(await remove('alice', 'particles'), '403 E_NOT_AUTHORISED')
  assert.is(await remove('carol', 'users'), '403 E_NOT_AUTHORISED')
  assert.is(await remove('admin', 'admins'), '403 E_NOT_AUTHORISED')
  assert.is(await remove('carol', 'none'), '404 E_NOT_FOUND')
  assert.is(await remove('carol', 'particles'), '200')
  assert.is(await remove('carol', 'particles'), '404 E_NOT_FOUND')
  assert.is((await site.as('bob', 'GET /api/users/bob')).status, 200)
})

test.run()
