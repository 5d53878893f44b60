import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import type { UserObject, WhoamiAnswer } from '../../../src/api/user-schemas.ts'
import { AccountSite, outcome } from '../../fixtures/account-site.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage } from '../../fixtures/tracker.ts'

const test = suite<{ site: AccountSite; base: string }>('users')
const { users } = TRACKER_PATHS
const dnOf = (name: string) => `/O=Example/OU=users/CN=${name}`

test.before(async (context) => {
  context.site = await AccountSite.start()
  context.base = context.site.tracker.url.replace('127.0.0.1', 'tracker.testnet')
  await context.site.meet('admin', 'alice', 'bob', 'carol')
  await context.site.group('clerks', {
    users: ['carol'],
    permissions: ['user_create', 'user_modify', 'user_delete'],
  })
})
test.after(async ({ site }) => await site?.stop())

test('says who is asking', async ({ site }) => {
  const me = await site.data<WhoamiAnswer>('alice', 'GET /api/whoami')
  assert.equal([me.kind, me.dn, me.common_name, me.admin], ['user', dnOf('alice'), 'alice', false])
  assert.equal(
    [me.user_name, me.client_dn, me.state, me.suspended],
    ['alice', dnOf('alice'), 'active', false],
  )
  assert.equal([me.proxy_depth, me.limited, me.namespaces], [0, false, []])
  assert.equal(me.permissions, ['image_create', 'user_modify_self'])
  assert.ok(Date.parse(me.not_after) > Date.now())
  assert.is((await site.data<WhoamiAnswer>('admin', 'GET /api/whoami')).admin, true)
  assert.is(outcome(await site.as('nobody', 'GET /api/whoami')), '403 E_CERTIFICATE')
})

test('a list has the addresses of all users', async ({ site, base }) => {
  const list = await site.data<string[]>('bob', `GET ${users}`)
  assert.ok(
    list.every((url) => /^https:\/\/[^/]+\/api\/users\/[a-z]+$/.test(url)),
    list.join(),
  )
  assert.equal(list.map((url) => url.split('/').at(-1)).slice(0, 4), ['admin', 'alice', 'bob', 'carol'])
  assert.is(new URL(base).port, new URL(list[0] ?? '').port)
  assert.is(outcome(await site.as('nobody', `GET ${users}`)), '403 E_CERTIFICATE')
})

test('certificates, addresses and quotas are not for everybody', async ({ site }) => {
  const seenBy = async (name: string) => {
    const user = await site.data<UserObject>(name, `GET ${users}/alice`)
    return [user.client_dn, user.user_name]
  }
  await site.form('alice', `POST ${users}/alice`, 'email=alice%40example.org&full_name=Alice+Smith')
  assert.equal(await seenBy('bob'), [null, 'alice'])
  for (const name of ['alice', 'carol', 'admin']) assert.equal(await seenBy(name), [dnOf('alice'), 'alice'])
  const { email, full_name, quota_bytes } = await site.data<UserObject>('bob', `GET ${users}/alice`)
  assert.equal([email, full_name, quota_bytes], [null, 'Alice Smith', null])
  assert.is((await site.data<UserObject>('carol', `GET ${users}/alice`)).email, 'alice@example.org')
  assert.is(outcome(await site.as('bob', `GET ${users}/none`)), '404 E_NOT_FOUND')
})

test('a user is made with what a form of old clients says', async ({ site }) => {
  const fields = `user_name=dave&cert_dn=${encodeURIComponent(dnOf('dave'))}&full_name=&email=&suspended=False&colour=blue&groups=`
  const answer = await site.form('carol', `POST ${users}`, fields)
  assert.is(answer.status, 200, answer.body.toString())
  const dave = JSON.parse(answer.body.toString()) as UserObject
  assert.equal([dave.user_name, dave.email, dave.full_name, dave.state], ['dave', null, '', 'active'])
  assert.equal(
    dave.groups.map((url) => url.split('/').at(-1)),
    ['users'],
  )
  assert.is((await site.data<WhoamiAnswer>('dave', 'GET /api/whoami')).user_name, 'dave')
})

test('what is wrong or taken is refused', async ({ site }) => {
  const post = async (name: string, body: object) => outcome(await site.as(name, `POST ${users}`, body))
  const erin = { user_name: 'erin', cert_dn: dnOf('erin') }
  assert.is(await post('alice', erin), '403 E_NOT_AUTHORISED')
  assert.is(await post('nobody', erin), '403 E_CERTIFICATE')
  assert.is(await post('carol', { user_name: 'erin' }), '400 E_INVALID')
  assert.is(await post('carol', { cert_dn: dnOf('erin') }), '400 E_INVALID')
  assert.is(await post('carol', { ...erin, colour: 'blue' }), '400 E_INVALID')
  assert.is(await post('carol', { ...erin, user_name: '../erin' }), '400 E_INVALID')
  assert.is(await post('carol', { ...erin, cert_dn: 'CN=erin' }), '400 E_INVALID')
  assert.is(await post('carol', { ...erin, email: 'nowhere' }), '400 E_INVALID')
  assert.is(await post('carol', { ...erin, groups: ['nobodies'] }), '400 E_INVALID')
  assert.is(await post('carol', { ...erin, suspended: true, state: 'active' }), '400 E_INVALID')
  for (const name of ['alice', 'clerks', 'users', 'nodes', 'raw'])
    assert.is(await post('carol', { ...erin, user_name: name }), '409 E_CONFLICT', name)
  assert.is(await post('carol', { ...erin, cert_dn: dnOf('alice') }), '409 E_CONFLICT')
  assert.is(await post('carol', { ...erin, email: 'alice@example.org' }), '409 E_CONFLICT')
})

test('nobody gives more than they have', async ({ site }) => {
  const post = async (name: string, body: object) => outcome(await site.as(name, `POST ${users}`, body))
  const frank = { user_name: 'frank', cert_dn: dnOf('frank') }
  assert.is(await post('carol', { ...frank, groups: 'admins' }), '403 E_NOT_AUTHORISED')
  assert.is(await post('carol', { ...frank, quota_images: 5 }), '403 E_NOT_AUTHORISED')
  assert.is(await post('carol', { ...frank, suspended: true }), '403 E_NOT_AUTHORISED')
  assert.is(await post('carol', { ...frank, groups: ['clerks', 'users'] }), '200')
  const steal = (name: string) => site.as('carol', `POST ${users}/${name}`, { cert_dn: dnOf('mallory') })
  assert.is(outcome(await steal('admin')), '403 E_NOT_AUTHORISED')
  assert.is(outcome(await site.as('carol', `DELETE ${users}/admin`)), '403 E_NOT_AUTHORISED')
  assert.is(outcome(await steal('frank')), '200')
})

test('a user changes its own name and address, others what they may', async ({ site }) => {
  const change = async (name: string, user: string, body: object) =>
    outcome(await site.as(name, `POST ${users}/${user}`, body))
  assert.is(await change('bob', 'bob', { full_name: 'Bob', email: 'bob@example.org' }), '200')
  assert.is(await change('bob', 'bob', { cert_dn: dnOf('other') }), '403 E_NOT_AUTHORISED')
  assert.is(await change('bob', 'bob', { quota_bytes: 1 }), '403 E_NOT_AUTHORISED')
  assert.is(await change('bob', 'alice', { full_name: 'X' }), '403 E_NOT_AUTHORISED')
  assert.is(await change('carol', 'alice', { full_name: 'Alice Smith' }), '200')
  assert.is(await change('carol', 'alice', { state: 'inactive' }), '403 E_NOT_AUTHORISED')
  assert.is(await change('bob', 'bob', { email: 'alice@example.org' }), '409 E_CONFLICT')
  assert.is(await change('admin', 'bob', { cert_dn: dnOf('alice') }), '409 E_CONFLICT')
  assert.is(await change('admin', 'bob', { user_name: 'robert' }), '400 E_INVALID')
  assert.is(await change('admin', 'none', { full_name: 'X' }), '404 E_NOT_FOUND')
  assert.is(await change('admin', 'bob', { quota_bytes: '50*1024', quota_images: '7' }), '200')
  const bob = await site.data<UserObject>('bob', `GET ${users}/bob`)
  assert.equal([bob.full_name, bob.quota_bytes, bob.quota_images], ['Bob', 51_200, 7])
  assert.is(await change('admin', 'bob', { quota_bytes: 'much' }), '400 E_INVALID')
  const cleared = await site.form('admin', `POST ${users}/bob`, 'quota_bytes=&quota_images=&email=')
  assert.equal([cleared.status, cleared.headers['content-length']], [200, '0'])
  const after = await site.data<UserObject>('bob', `GET ${users}/bob`)
  assert.equal([after.quota_bytes, after.quota_images, after.email], [null, null, null])
})

test('who is suspended is shut out at once, also on an open connection', async ({ site }) => {
  await site.meet('grace')
  const suspended = await site.form('admin', `POST ${users}/grace`, 'suspended=True')
  assert.is(suspended.status, 200)
  const refused = await site.as('grace', 'GET /api/whoami')
  assert.equal([refused.status, refused.problem?.detail], [403, 'Account suspended'])
  assert.equal(
    [outcome(await site.as('grace', 'GET /metrics')), outcome(await site.as('grace', `GET ${users}`))],
    ['403 E_NOT_AUTHORISED', '403 E_NOT_AUTHORISED'],
  )
  const { suspended: shown, state } = await site.data<UserObject>('bob', `GET ${users}/grace`)
  assert.equal([shown, state], [true, 'suspended'])
  for (const [state, reason] of [
    ['inactive', 'the account grace is inactive'],
    ['pending', 'the account grace waits for an admin'],
  ]) {
    await site.as('admin', `POST ${users}/grace`, { state })
    assert.match((await site.as('grace', 'GET /api/whoami')).problem?.detail ?? '', reason ?? '')
  }
  await site.as('admin', `POST ${users}/grace`, { state: 'active' })
  assert.is((await site.as('grace', 'GET /api/whoami')).status, 200)
})

test('a user goes with its images and namespaces, and its name from every ACL', async ({ site }) => {
  const [heidi, alice] = [await site.site.user('heidi'), await site.site.user('alice')]
  const image = testImage({ seed: 'heidi', blocks: 4 })
  await pushImage(site.site.client(site.tracker.url, heidi), image, { to: 'heidi/debian' })
  await pushImage(site.site.client(site.tracker.url, alice), image, { to: 'alice/debian' })
  assert.is(outcome(await site.as('bob', `DELETE ${users}/heidi`)), '403 E_NOT_AUTHORISED')
  assert.is(outcome(await site.as('carol', `DELETE ${users}/none`)), '404 E_NOT_FOUND')
  const gone = await site.as('carol', `DELETE ${users}/heidi`)
  assert.equal([gone.status, gone.body.length], [200, 0])
  assert.is(outcome(await site.as('bob', `GET ${users}/heidi`)), '404 E_NOT_FOUND')
  assert.is(outcome(await site.as('admin', 'GET /api/images/heidi/debian')), '404 E_NOT_FOUND')
  assert.is((await site.as('alice', 'GET /api/images/alice/debian')).status, 200)
  await site.meet('heidi')
  const { version } = await pushImage(site.site.client(site.tracker.url, heidi), image, {
    to: 'heidi/debian',
  })
  assert.is(version, 2)
})

test('an admin stays', async ({ site }) => {
  assert.is(outcome(await site.as('admin', `DELETE ${users}/admin`)), '409 E_STATE')
  assert.is(outcome(await site.as('admin', `POST ${users}/admin`, { state: 'inactive' })), '409 E_STATE')
  assert.is(outcome(await site.as('admin', `POST ${users}/admin`, { suspended: true })), '409 E_STATE')
})

test('lists of a user have what the asker may read', async ({ site }) => {
  const names = async (asker: string, list: string) =>
    (await site.data<string[]>(asker, `GET ${users}/alice/${list}`)).map((url) =>
      url.split('/').slice(-2).join('/'),
    )
  assert.equal(await names('alice', 'images'), ['alice/debian'])
  assert.equal(await names('bob', 'images'), [])
  assert.equal(await names('admin', 'images'), ['alice/debian'])
  assert.equal(await names('bob', 'groups'), ['groups/users'])
  assert.equal(await names('bob', 'permissions'), ['image_create', 'user_modify_self'])
  assert.equal(await names('alice', 'shared'), [])
  assert.equal(await names('alice', 'sharing'), [])
  for (const list of ['images', 'groups', 'permissions', 'shared', 'sharing']) {
    assert.is(outcome(await site.as('alice', `GET ${users}/none/${list}`)), '404 E_NOT_FOUND')
    assert.is(outcome(await site.as('nobody', `GET ${users}/alice/${list}`)), '403 E_CERTIFICATE')
  }
})

test('answers are XML for who asks for it', async ({ site }) => {
  const { body, headers } = await site.as('bob', `GET ${users}/alice?format=xml`)
  assert.match(String(headers['content-type']), 'application/xml')
  assert.match(
    body.toString(),
    /<user><user_name>alice<\/user_name><full_name>Alice Smith<\/full_name><email nil="true"\/>/,
  )
  assert.match(body.toString(), '<permissions><permission>image_create</permission>')
})

test.run()
