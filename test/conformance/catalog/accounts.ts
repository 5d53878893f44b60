import * as assert from 'uvu/assert'
import { imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import { ADMINS_GROUP, type UserState } from '../../../src/core/permission.ts'
import type { Namespace } from '../../../src/core/reference.ts'
import { removeUser } from '../../../tracker/accounts/user-removal.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import type { StoredGroup } from '../../../tracker/catalog/group-catalog.ts'
import type { StoredUser } from '../../../tracker/catalog/user-catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { by, commit, create, image, nowMs, type On, userOf } from './steps.ts'

async function group(catalog: Catalog, name: string, users: readonly string[] = []): Promise<StoredGroup> {
  await catalog.groups.create({ name, users, nowMs })
  const made = await catalog.groups.byName(name)
  if (made === undefined) throw new TypeError(`no group ${name}`)
  return made
}

async function admin(catalog: Catalog, name: string): Promise<StoredUser> {
  return await catalog.users.ensure({ dn: `/CN=${name}`, wanted: name, state: 'active', nowMs }, [
    ADMINS_GROUP,
  ])
}

/** A namespace of a group, and an image that alice made in it. */
async function groupImage(catalog: Catalog, owner: StoredGroup): Promise<string> {
  const { id, name } = owner
  await catalog.namespaces.create('space' as Namespace, { owner: { kind: 'group', id, name }, ...by })
  const alice = await userOf(catalog)
  await catalog.images.create(imageKey('space/x'), { owner: { id: alice.id, name: 'alice' }, ...by })
  return (await catalog.images.get(imageKey('space/x'))).uuid
}

/** Changes of users and groups. */
export function accountTests(on: On): void {
  on('a user changes as a whole or not at all', async ({ catalog }) => {
    const [alice, bob] = [await userOf(catalog), await userOf(catalog, 'bob')]
    const facts = { fullName: 'Alice', dn: '/CN=A', email: 'a@b.c', quotaBytes: 5, quotaImages: 2 }
    await catalog.userChanges.change(alice, { ...facts, state: 'inactive' }, { nowMs })
    const changed = await catalog.users.byName('alice')
    const { id, name, createdAtMs } = alice
    assert.equal({ ...changed }, { id, name, createdAtMs, ...facts, state: 'inactive' })
    for (const taken of [{ dn: '/CN=A' }, { email: 'a@b.c' }]) {
      const change = catalog.userChanges.change(bob, { fullName: 'Bob', ...taken }, { nowMs })
      assert.is((await failureOf(change)).code, 'E_CONFLICT')
    }
    assert.is((await catalog.users.byName('bob'))?.fullName, '')
    await catalog.userChanges.change(alice, { email: null, quotaBytes: null }, { nowMs })
    const cleared = await catalog.users.byName('alice')
    assert.equal([cleared?.email, cleared?.quotaBytes, cleared?.quotaImages], [null, null, 2])
    const gone = catalog.userChanges.change({ id: 10_000 }, { fullName: 'X' }, { nowMs })
    assert.is((await failureOf(gone)).code, 'E_NOT_FOUND')
  })

  on('names are shared by users, groups and namespaces', async ({ catalog }) => {
    await create(catalog)
    await group(catalog, 'physics')
    const user = (name: string) => catalog.users.create({ name, dn: `/CN=${name}`, state: 'active', nowMs })
    for (const name of ['physics', 'team', 'nodes', 'raw']) {
      assert.is((await failureOf(user(name))).code, 'E_CONFLICT', name)
      assert.is((await failureOf(group(catalog, name))).code, 'E_CONFLICT', name)
    }
    assert.is((await failureOf(group(catalog, 'alice'))).code, 'E_CONFLICT')
    const { id } = await userOf(catalog)
    const space = (name: string) =>
      catalog.namespaces.create(name as Namespace, { owner: { kind: 'user', id, name: 'alice' }, ...by })
    await userOf(catalog, 'bob')
    for (const name of ['bob', 'physics']) assert.is((await failureOf(space(name))).code, 'E_CONFLICT', name)
    assert.is(await space('alice'), true)
  })

  on('members and permissions come and go', async ({ catalog }) => {
    const { groups } = catalog
    const [alice, bob] = [await userOf(catalog), await userOf(catalog, 'bob')]
    const physics = await group(catalog, 'physics', ['alice'])
    for (let i = 0; i < 2; i++) await groups.addUser(physics, bob)
    assert.equal(await groups.users(physics), ['alice', 'bob'])
    for (let i = 0; i < 2; i++) await groups.removeUser(physics, alice)
    assert.equal(await groups.users(physics), ['bob'])
    for (let i = 0; i < 2; i++) await groups.addPermission(physics, 'image_modify')
    await groups.addPermission(physics, 'group_create')
    assert.equal(await groups.permissions(physics), ['group_create', 'image_modify'])
    assert.equal([...(await groups.permissionsOf(['physics', 'users', 'none']))].sort(), [
      ...['group_create', 'image_create', 'image_modify', 'user_modify_self'],
    ])
    for (let i = 0; i < 2; i++) await groups.removePermission(physics, 'group_create')
    assert.equal([...(await catalog.users.standing(bob)).permissions].sort(), [
      ...['image_create', 'image_modify', 'user_modify_self'],
    ])
    assert.equal(await groups.names(), ['admins', 'physics', 'users'])
  })

  on('a group changes as a whole or not at all', async ({ catalog }) => {
    await userOf(catalog)
    const physics = await group(catalog, 'physics', ['alice'])
    const change = { users: [], permissions: ['image_modify'] as const, name: 'alice' }
    assert.is((await failureOf(catalog.groupChanges.change(physics, change, by))).code, 'E_CONFLICT')
    const unknown = { permissions: ['image_modify'] as const, users: ['none'] }
    assert.is((await failureOf(catalog.groupChanges.change(physics, unknown, by))).code, 'E_INVALID')
    assert.equal(
      [await catalog.groups.users(physics), await catalog.groups.permissions(physics)],
      [['alice'], []],
    )
  })

  on('a renamed group keeps its namespaces and its place in ACLs', async ({ catalog }) => {
    await userOf(catalog)
    const physics = await group(catalog, 'physics', ['alice'])
    await groupImage(catalog, physics)
    await create(catalog)
    const target = namespaceTarget(image.namespace)
    await catalog.acls.grant(target, { kind: 'group', subject: 'physics', right: 'write' }, by)
    await catalog.groupChanges.change(physics, { name: 'particles' }, by)
    assert.equal((await catalog.namespaces.ownerOf('space' as Namespace))?.name, 'particles')
    assert.equal((await catalog.acls.get(namespaceTarget('space' as Namespace))).owner, {
      ...{ kind: 'group', subject: 'particles' },
    })
    const subjects = (await catalog.acls.get(target)).entries.map(({ subject }) => subject)
    assert.equal(subjects, ['nodes', 'particles'])
  })

  on('a group goes when it owns nothing, and its name from every ACL', async ({ catalog }) => {
    await userOf(catalog)
    const physics = await group(catalog, 'physics')
    await create(catalog)
    const target = namespaceTarget(image.namespace)
    await catalog.acls.grant(target, { kind: 'group', subject: 'physics', right: 'write' }, by)
    const owner = { kind: 'group', id: physics.id, name: 'physics' } as const
    await catalog.namespaces.create('space' as Namespace, { owner, ...by })
    assert.is((await failureOf(catalog.groupChanges.remove(physics, by))).code, 'E_STATE')
    await catalog.namespaces.remove('space' as Namespace, by)
    await catalog.groupChanges.remove(physics, by)
    assert.equal(await catalog.groups.names(), ['admins', 'users'])
    assert.equal((await catalog.acls.get(target)).entries.length, 1)
  })

  on(
    'a namespace goes without its images, and numbers of versions are not used again',
    async ({ catalog }) => {
      await commit(catalog)
      assert.is((await failureOf(catalog.namespaces.remove(image.namespace, by))).code, 'E_STATE')
      await catalog.images.remove(image, by)
      await catalog.namespaces.remove(image.namespace, by)
      assert.is((await failureOf(catalog.namespaces.remove(image.namespace, by))).code, 'E_NOT_FOUND')
      assert.is(await create(catalog, image, 'bob'), true)
      assert.equal((await catalog.namespaces.ownerOf(image.namespace))?.name, 'bob')
      assert.is((await commit(catalog)).version, 2)
    },
  )

  on('a user goes with its namespaces, and leaves what it made for others', async ({ catalog }) => {
    await commit(catalog)
    const physics = await group(catalog, 'physics', ['alice'])
    const uuid = await groupImage(catalog, physics)
    await create(catalog, imageKey('bobs/x'), 'bob')
    const target = namespaceTarget('bobs' as Namespace)
    await catalog.acls.grant(target, { kind: 'user', subject: 'alice', right: 'read' }, by)
    const alice = await userOf(catalog)
    for (let i = 0; i < 2; i++)
      await removeUser({ catalog }, alice, by).catch((error) => assert.is(error.code, 'E_NOT_FOUND'))
    assert.equal(await catalog.users.names(), ['bob'])
    assert.equal(
      (await catalog.images.list()).map(({ namespace }) => namespace),
      ['bobs', 'space'],
    )
    assert.is(await catalog.namespaces.ownerOf(image.namespace), undefined)
    assert.equal((await catalog.acls.get(imageTarget(uuid))).owner, { kind: 'group', subject: 'physics' })
    assert.equal((await catalog.acls.get(target)).entries.length, 1)
    await catalog.groupChanges.change(physics, { name: 'particles' }, by)
    assert.equal((await catalog.acls.get(imageTarget(uuid))).owner, { kind: 'group', subject: 'particles' })
  })

  on('an active admin stays, whoever takes rights away from whom at once', async ({ catalog, other }) => {
    const [one, two] = [await admin(catalog, 'one'), await admin(catalog, 'two')]
    const admins = await catalog.groups.byName(ADMINS_GROUP)
    assert.ok(admins)
    const state = (at: Catalog, user: StoredUser, to: UserState) =>
      at.userChanges.change(user, { state: to }, { nowMs })
    const results = await Promise.allSettled([
      catalog.groups.removeUser(admins, one),
      state(other, two, 'suspended'),
      other.groups.removeUser(admins, one),
      state(catalog, two, 'inactive'),
    ])
    const codes = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
    assert.ok(codes.length > 0 && codes.every((code) => code === 'E_STATE'), codes.join())
    const left: string[] = []
    for (const name of ['one', 'two']) {
      const user = await catalog.users.byName(name)
      const standing = user && (await catalog.users.standing(user))
      if (user?.state === 'active' && standing?.groups.has(ADMINS_GROUP)) left.push(name)
    }
    assert.is(left.length, 1)
    const [last] = left
    const user = await catalog.users.byName(last ?? '')
    assert.is((await failureOf(catalog.userChanges.remove(user ?? one, by))).code, 'E_STATE')
    assert.is((await failureOf(catalog.groupChanges.change(admins, { users: [] }, by))).code, 'E_STATE')
  })

  on('a name that becomes a user and a group at once becomes one of them', async ({ catalog, other }) => {
    const results = await Promise.allSettled([
      catalog.users.create({ name: 'x', dn: '/CN=x', state: 'active', nowMs }),
      other.groups.create({ name: 'x', nowMs }),
      catalog.groups.create({ name: 'x', nowMs }),
      other.users.create({ name: 'x', dn: '/CN=y', state: 'active', nowMs }),
    ])
    assert.is(results.filter(({ status }) => status === 'fulfilled').length, 1)
  })
}
