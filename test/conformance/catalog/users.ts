import * as assert from 'uvu/assert'
import { ADMINS_GROUP, PERMISSIONS, USERS_GROUP } from '../../../src/core/permission.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { create, nowMs, type On, userOf } from './steps.ts'

/** Users and what their groups allow them. */
export function userTests(on: On): void {
  on('a user is found by name and by certificate, each as it is written', async ({ catalog }) => {
    const { users } = catalog
    const email = 'alice@example.org'
    const made = await users.create({
      name: 'alice',
      dn: '/CN=Alice',
      state: 'active',
      fullName: 'Alice',
      email,
      nowMs,
    })
    const { id, ...rest } = made
    assert.type(id, 'number')
    assert.equal(rest, {
      ...{ name: 'alice', dn: '/CN=Alice', fullName: 'Alice', email, state: 'active' },
      ...{ quotaBytes: null, quotaImages: null, createdAtMs: nowMs },
    })
    assert.equal(await users.byDn('/CN=Alice'), made)
    assert.equal(await users.byName('alice'), made)
    assert.is(await users.byDn('/CN=alice'), undefined)
    assert.is(await users.byName('Alice'), undefined)
  })

  on('a name and a certificate belong to one user', async ({ catalog }) => {
    const { users } = catalog
    await users.create({ name: 'alice', dn: '/CN=1', state: 'active', email: 'a@b.c', nowMs })
    const same = { name: 'bob', dn: '/CN=2', state: 'active', email: 'd@e.f', nowMs } as const
    for (const one of [{ name: 'alice' }, { dn: '/CN=1' }, { email: 'a@b.c' }])
      assert.is((await failureOf(users.create({ ...same, ...one }))).code, 'E_CONFLICT')
    await users.create(same)
    await users.create({ name: 'carol', dn: '/CN=3', state: 'active', nowMs })
    await users.create({ name: 'dan', dn: '/CN=4', state: 'active', nowMs })
  })

  on('a user that is made at first contact gets a free name', async ({ catalog }) => {
    const { users } = catalog
    const ensure = async (dn: string, wanted: string) =>
      (await users.ensure({ dn, wanted, state: 'pending', nowMs })).name
    assert.is(await ensure('/CN=1', 'Zoë  Müller'), 'Zoe.Muller')
    assert.is(await ensure('/CN=1', 'other'), 'Zoe.Muller')
    assert.is(await ensure('/CN=2', 'Zoe.Muller'), 'Zoe.Muller-2')
    assert.is(await ensure('/CN=3', USERS_GROUP), 'users-2')
    assert.is(await ensure('/CN=4', '///'), 'user')
    await create(catalog)
    assert.is(await ensure('/CN=5', 'team'), 'team-2')
  })

  on('groups add up to a standing', async ({ catalog }) => {
    const { users } = catalog
    const alice = await userOf(catalog)
    const plain = await users.standing(alice)
    assert.equal([...plain.groups], [USERS_GROUP])
    assert.equal([...plain.permissions].sort(), ['image_create', 'user_modify_self'])
    await users.ensure({ dn: alice.dn, wanted: 'alice', state: 'active', nowMs }, [ADMINS_GROUP])
    await users.ensure({ dn: alice.dn, wanted: 'alice', state: 'active', nowMs }, [ADMINS_GROUP])
    const admin = await users.standing(alice)
    assert.equal([...admin.groups].sort(), [ADMINS_GROUP, USERS_GROUP])
    assert.equal([...admin.permissions].sort(), [...PERMISSIONS].sort())
  })

  on('who is in two groups with somebody shares one beside that of all', async ({ catalog }) => {
    const { users } = catalog
    const [alice, bob, carol] = [
      await userOf(catalog, 'a'),
      await userOf(catalog, 'b'),
      await userOf(catalog, 'c'),
    ]
    assert.is(await users.shareGroup(alice.id, bob.id), false)
    for (const dn of ['/CN=a', '/CN=b'])
      await users.ensure({ dn, wanted: 'x', state: 'active', nowMs }, [ADMINS_GROUP])
    assert.is(await users.shareGroup(alice.id, bob.id), true)
    assert.is(await users.shareGroup(alice.id, carol.id), false)
  })
}
