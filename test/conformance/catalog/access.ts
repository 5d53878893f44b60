import * as assert from 'uvu/assert'
import { namespaceTarget } from '../../../src/core/acl.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { makeUsers } from '../../fixtures/registry.ts'
import { by, create, image, type On } from './steps.ts'

/** Copies of ACLs, and the catalog as a whole. */
export function accessTests(on: On): void {
  on('an ACL comes with what it is for, and changes by versions', async ({ catalog }) => {
    await create(catalog)
    const target = namespaceTarget(image.namespace)
    const first = await catalog.acls.get(target)
    assert.equal(first.entries, [{ kind: 'group', subject: 'nodes', right: 'read' }])
    await makeUsers(catalog, 'bob')
    const bob = { kind: 'user', subject: 'bob', right: 'write' } as const
    const second = await catalog.acls.grant(target, bob, by)
    assert.is(second.version, first.version + 1)
    assert.is((await catalog.acls.get(target)).entries.length, 2)
    const late = catalog.acls.revoke(target, bob, { ...by, expected: first.version })
    assert.is((await failureOf(late)).code, 'E_CONFLICT')
    await catalog.acls.revoke(target, bob, by)
    assert.equal((await catalog.acls.get(target)).entries, first.entries)
    const both = await catalog.acls.ofImage(await catalog.images.get(image))
    assert.equal([both.namespace.target, both.image.entries], [target, []])
  })

  on('keeps everything when it is opened again', async ({ catalog, again }) => {
    await create(catalog)
    const second = await again()
    assert.is((await second.images.get(image)).name, 'debian')
    await second.check()
    await second.close()
  })

  on('a catalog of a newer tracker is not opened', async ({ sql, again }) => {
    await sql(`insert into kysely_migration (name, timestamp) values ('9999-future', '2030-01-01')`)
    const error = await again().then(
      () => undefined,
      (caught: { code: string; message: string }) => caught,
    )
    assert.is(error?.code, 'E_STORAGE')
    assert.match(error?.message ?? '', /newer tracker/)
  })
}
