import * as assert from 'uvu/assert'
import { NAMESPACES_PER_PRINCIPAL_MAX } from '../../../src/core/registry-limits.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { by, create, image, type On, userOf } from './steps.ts'

/** Namespaces and their owners. */
export function namespaceTests(on: On): void {
  on('a namespace belongs to whom comes first', async ({ catalog }) => {
    assert.is(await catalog.namespaces.ownerOf(image.namespace), undefined)
    assert.is(await create(catalog), true)
    assert.is(await create(catalog, image, 'bob'), false)
    const { id } = await userOf(catalog)
    assert.equal(await catalog.namespaces.ownerOf(image.namespace), { kind: 'user', id, name: 'alice' })
    assert.equal(await catalog.namespaces.ownedBy({ id }), ['team'])
    assert.equal(await catalog.namespaces.ownedBy(await userOf(catalog, 'bob')), [])
  })

  on('a principal has so many namespaces', async ({ catalog }) => {
    const take = (n: number, name?: string) => create(catalog, imageKey(`team${n}/x`), name)
    for (let n = 0; n < NAMESPACES_PER_PRINCIPAL_MAX; n++) await take(n)
    assert.is((await failureOf(take(99))).code, 'E_LIMIT')
    assert.is(await catalog.namespaces.ownerOf(imageKey('team99/x').namespace), undefined)
    assert.is(await take(99, 'bob'), true)
    assert.is(await create(catalog, imageKey('team0/y')), true)
  })

  on('a namespace has an owner that exists', async ({ catalog }) => {
    const owner = { kind: 'user' as const, id: 10_000, name: 'nobody' }
    const making = catalog.namespaces.create(image.namespace, { owner, ...by })
    assert.is((await failureOf(making)).code, 'E_CONFLICT')
    assert.is(await catalog.namespaces.ownerOf(image.namespace), undefined)
  })
}
