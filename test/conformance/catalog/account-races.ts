import * as assert from 'uvu/assert'
import { namespaceTarget } from '../../../src/core/acl.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { atOnce, by, nowMs, type On, userOf } from './steps.ts'

/** Names that are given up, and wanted at once. */
export function accountRaceTests(on: On): void {
  on('a group that is called otherwise is that in ACLs and as an owner', async ({ catalog }) => {
    await userOf(catalog)
    await catalog.groups.create({ name: 'physics', users: ['alice'], nowMs })
    const group = await catalog.groups.byName('physics')
    if (group === undefined) throw new TypeError('no group')
    const { namespace } = imageKey('atlas/x')
    await catalog.namespaces.create(namespace, { owner: { kind: 'group', ...group }, ...by })
    await catalog.acls.grant(
      namespaceTarget(namespace),
      { kind: 'group', subject: 'physics', right: 'write' },
      by,
    )
    await catalog.groupChanges.change(group, { name: 'particles', permissions: ['image_modify'] }, by)
    assert.is((await catalog.namespaces.ownerOf(namespace))?.name, 'particles')
    const acl = await catalog.acls.get(namespaceTarget(namespace))
    assert.equal(acl.entries.map(({ subject }) => subject).sort(), ['nodes', 'particles'])
    assert.equal(await catalog.namespaces.writableBy(await userOf(catalog)), [namespace])
    assert.equal(
      (await catalog.namespaces.list()).map((one) => one.namespace),
      [namespace],
    )
    assert.is((await failureOf(catalog.groupChanges.remove(group, by))).code, 'E_STATE')
    await catalog.namespaces.remove(namespace, by)
    await catalog.groupChanges.remove({ ...group, name: 'particles' }, by)
    assert.is(await catalog.groups.byName('particles'), undefined)
  })

  on('a name that a user, a group and a namespace want at once goes to one', async (it) => {
    const { catalog } = it
    const { id } = await userOf(catalog)
    for (let i = 0; i < 4; i++) {
      const name = `wanted${i}`
      const taken = await atOnce(it, 3, async (one, n) => {
        if (n === 0) await one.users.create({ name, dn: `/CN=${name}`, state: 'active', nowMs })
        else if (n === 1) await one.groups.create({ name, nowMs })
        else {
          const owner = { kind: 'user' as const, id, name: 'alice' }
          await one.namespaces.create(imageKey(`${name}/x`).namespace, { owner, ...by })
        }
      })
      assert.is(taken.values.length, 1)
      assert.equal(taken.codes, ['E_CONFLICT', 'E_CONFLICT'])
    }
  })

  on('an image that comes while its namespace goes is in none', async (it) => {
    const { catalog } = it
    for (let i = 0; i < 4; i++) {
      const key = imageKey(`passing${i}/x`)
      const { id } = await userOf(catalog)
      const owner = { kind: 'user' as const, id, name: 'alice' }
      await catalog.namespaces.create(key.namespace, { owner, ...by })
      await atOnce(it, 2, async (one, n) => {
        if (n === 0) await one.namespaces.remove(key.namespace, by)
        else await one.images.create(key, { owner: { id, name: 'alice' }, ...by })
      })
      const exists = (await catalog.namespaces.ownerOf(key.namespace)) !== undefined
      const images = (await catalog.images.list()).filter(({ namespace }) => namespace === key.namespace)
      assert.is(images.length, exists ? 1 : 0)
    }
  })
}
