import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AclEntry, imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import type { Clock } from '../../../src/core/clock.ts'
import { PERMISSIONS } from '../../../src/core/permission.ts'
import type { Namespace } from '../../../src/core/reference.ts'
import { AccessControl } from '../../../tracker/access/access-control.ts'
import type { Asker } from '../../../tracker/access/asker.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import type { StoredImage } from '../../../tracker/catalog/image-rows.ts'
import {
  anonymousAsker,
  nodeAsker,
  principalOf,
  type UserAskerInit,
  userAsker,
} from '../../fixtures/askers.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { makeNode } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  catalog: Catalog
  access: AccessControl
  askers: Map<string, Asker>
  images: Map<string, StoredImage>
  close: () => Promise<void>
}
const test = suite<Context>('access')
const nowMs = Date.UTC(2030, 0, 1)
const by = { author: '/CN=alice', nowMs }

/** Askers, each with what sets it apart. `lab` is a group of alice, colleague and remover; `club` owns a namespace. */
const USERS: Readonly<Record<string, UserAskerInit>> = {
  alice: { groups: ['lab'] },
  limited: {},
  reader: {},
  writer: {},
  manager: {},
  guest: { groups: ['guests'] },
  visitor: {},
  stranger: {},
  modifier: { permissions: ['image_modify'] },
  deleter: { permissions: ['image_delete'] },
  colleague: { groups: ['lab'], permissions: ['image_modify_group'] },
  remover: { groups: ['lab'], permissions: ['image_delete_group'] },
  outsider: { permissions: ['image_modify_group', 'image_delete_group'] },
  member: { groups: ['club'] },
  admin: { groups: ['admins'], admin: true },
}

const ENTRIES: readonly AclEntry[] = [
  { kind: 'user', subject: 'reader', right: 'read' },
  { kind: 'user', subject: 'writer', right: 'write' },
  { kind: 'user', subject: 'manager', right: 'admin' },
  { kind: 'group', subject: 'guests', right: 'read' },
  { kind: 'node', subject: 'hv-9', right: 'read' },
]

/**
 * What each asker may, of an image of alice with the entries above; of a public one; of one for anybody; of one that has expired; and of one
 * that alice made in the namespace of the group `club`. Letters: r read, w write, a admin, - nothing; then m for changing and d for removing it.
 */
const MATRIX: readonly (readonly [
  asker: string,
  shared: string,
  open: string,
  anybody: string,
  expired: string,
  clubs: string,
])[] = [
  ['alice', 'amd', 'amd', 'amd', 'amd', 'amd'],
  ['limited', 'a', 'r', 'r', '-', '-'],
  ['reader', 'r', 'r', 'r', '-', '-'],
  ['writer', 'wm', 'r', 'r', '-', '-'],
  ['manager', 'amd', 'r', 'r', '-', '-'],
  ['guest', 'r', 'r', 'r', '-', '-'],
  ['visitor', 'r', 'r', 'r', '-', '-'],
  ['stranger', '-', 'r', 'r', '-', '-'],
  ['modifier', '-m', 'rm', 'rm', '-', '-m'],
  ['deleter', '-d', 'rd', 'rd', '-', '-d'],
  ['colleague', '-m', 'rm', 'rm', '-', '-m'],
  ['remover', '-d', 'rd', 'rd', '-', '-d'],
  ['outsider', '-', 'r', 'r', '-', '-'],
  ['member', '-', 'r', 'r', '-', 'wm'],
  ['admin', 'amd', 'amd', 'amd', 'amd', 'amd'],
  ['node', 'r', 'r', 'r', '-', 'r'],
  ['hv-9', 'r', 'r', 'r', '-', 'r'],
  ['tracker', 'r', 'r', 'r', 'r', 'r'],
  ['anonymous', '-', '-', 'r', '-', '-'],
]
const COLUMNS = ['shared', 'open', 'anybody', 'expired', 'clubs'] as const

test.before(async (context) => {
  const { dir, remove } = await temporaryDir()
  const clock = new FakeClock(nowMs)
  const catalog = await openTestCatalog({ dir, clock })
  context.catalog = catalog
  context.access = new AccessControl({ ...catalog, clock }, { openNamespaces: false })
  context.askers = await makeAskers(catalog)
  await makeNode(catalog, 'hv-9')
  context.images = await makeImages(catalog, clock)
  context.close = async () => {
    await catalog.close()
    await remove()
  }
})
test.after(({ close }) => close())

async function makeAskers(catalog: Catalog): Promise<Map<string, Asker>> {
  const askers = new Map<string, Asker>()
  for (const name of Object.keys(USERS))
    await catalog.users.create({ name, dn: `/CN=${name}`, state: 'active', nowMs })
  for (const group of ['lab', 'guests', 'club']) {
    const users = Object.keys(USERS).filter((name) => USERS[name]?.groups?.includes(group))
    await catalog.groups.create({ name: group, users, nowMs })
  }
  for (const [name, init] of Object.entries(USERS)) {
    const user = await catalog.users.byName(name)
    askers.set(name, userAsker(user ?? { id: 0, name, dn: '' }, init))
  }
  const limited = askers.get('limited')
  if (limited?.kind === 'user')
    askers.set('limited', { ...limited, principal: { ...limited.principal, proxyDepth: 1, limited: true } })
  askers.set('node', nodeAsker('hv-1'))
  askers.set('hv-9', nodeAsker('hv-9'))
  askers.set('tracker', { kind: 'tracker', principal: principalOf('/CN=t'), dn: '/CN=t', admin: false })
  return askers.set('anonymous', anonymousAsker)
}

async function makeImages(catalog: Catalog, clock: Clock): Promise<Map<string, StoredImage>> {
  const images = new Map<string, StoredImage>()
  const [alice, club] = [await catalog.users.byName('alice'), await catalog.groups.byName('club')]
  const owner = { id: alice?.id ?? 0, name: 'alice' }
  const spaces = {
    alice: { kind: 'user', ...owner },
    club: { kind: 'group', id: club?.id ?? 0, name: 'club' },
  } as const
  for (const [name, space] of Object.entries(spaces))
    await catalog.namespaces.create(name as Namespace, { owner: space, ...by })
  for (const column of COLUMNS) {
    const key = imageKey(`${column === 'clubs' ? 'club' : 'alice'}/${column}`)
    const expires_at = column === 'expired' ? clock.now() : null
    await catalog.images.create(key, {
      owner,
      ...by,
      change: { fields: { expires: expires_at }, properties: {} },
    })
    images.set(column, await catalog.images.get(key))
  }
  const entriesOf: Record<string, readonly AclEntry[]> = {
    shared: [
      ...ENTRIES,
      { kind: 'user', subject: 'limited', right: 'admin' },
      { kind: 'user', subject: 'visitor', right: 'read' },
    ],
    open: [{ kind: 'group', subject: 'users', right: 'read' }],
    anybody: [{ kind: 'anyone', subject: '', right: 'read' }],
    expired: [{ kind: 'anyone', subject: '', right: 'read' }, ...ENTRIES],
  }
  for (const [column, entries] of Object.entries(entriesOf))
    await catalog.acls.set(imageTarget(images.get(column)?.uuid ?? ''), entries, by)
  return images
}

async function passes(decision: () => Promise<unknown>): Promise<boolean> {
  try {
    await decision()
    return true
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== 'E_NOT_AUTHORISED' && code !== 'E_CERTIFICATE') throw error
    return false
  }
}

async function lettersOf(access: AccessControl, asker: Asker, image: StoredImage): Promise<string> {
  const right = (await access.rightTo(asker, image))?.[0] ?? '-'
  const needs = {
    modify: { right: 'write', permission: 'image_modify' },
    delete: { right: 'admin', permission: 'image_delete' },
  } as const
  const may = (need: (typeof needs)['modify' | 'delete']) => passes(() => access.changeOf(asker, image, need))
  return right + ((await may(needs.modify)) ? 'm' : '') + ((await may(needs.delete)) ? 'd' : '')
}

for (const [name, ...expected] of MATRIX)
  test(`${name} may what the table says`, async ({ access, askers, images }) => {
    const asker = askers.get(name) ?? anonymousAsker
    const found: string[] = []
    for (const column of COLUMNS) {
      const image = images.get(column)
      assert.ok(image)
      found.push(await lettersOf(access, asker, image))
    }
    assert.equal(found, expected)
  })

test('a right has those before it, and is asked for by name', async ({ access, askers, images }) => {
  const image = images.get('shared')
  const writer = askers.get('writer')
  assert.ok(image && writer)
  for (const [right, may] of [
    ['read', true],
    ['write', true],
    ['admin', false],
  ] as const)
    assert.is(await passes(() => access.image(writer, image, right)), may)
})

test('a limited proxy reads and changes nothing, whatever its user may', async ({
  access,
  askers,
  images,
}) => {
  const [image, limited] = [images.get('shared'), askers.get('limited')]
  assert.ok(image && limited)
  assert.is(await passes(() => access.image(limited, image, 'read')), true)
  assert.is(await passes(() => access.image(limited, image, 'write')), false)
  assert.is(await passes(() => access.namespace(limited, 'limited' as Namespace, 'write')), false)
})

test('namespaces are written by their owners, and by nobody before they exist', async ({
  access,
  askers,
  catalog,
}) => {
  const may = async (name: string, namespace: string) => {
    const asker = askers.get(name)
    return (
      asker !== undefined && (await passes(() => access.namespace(asker, namespace as Namespace, 'write')))
    )
  }
  assert.equal(
    [await may('alice', 'alice'), await may('stranger', 'alice'), await may('admin', 'alice')],
    [true, false, true],
  )
  assert.equal([await may('member', 'club'), await may('alice', 'club')], [true, false])
  assert.equal(
    [await may('stranger', 'stranger'), await may('alice', 'stranger'), await may('alice', 'new')],
    [true, false, false],
  )
  assert.equal(
    [await may('node', 'alice'), await may('tracker', 'alice'), await may('anonymous', 'alice')],
    [false, false, false],
  )
  await catalog.acls.grant(
    namespaceTarget('alice' as Namespace),
    { kind: 'user', subject: 'stranger', right: 'write' },
    by,
  )
  assert.is(await may('stranger', 'alice'), true)
  await catalog.acls.revoke(namespaceTarget('alice' as Namespace), { kind: 'user', subject: 'stranger' }, by)
})

test('permissions are those of the groups, and all for admins', async ({ access, askers }) => {
  const may = async (name: string) => {
    const asker = askers.get(name) ?? anonymousAsker
    const held: string[] = []
    for (const permission of PERMISSIONS)
      if (await passes(async () => access.permission(asker, permission))) held.push(permission)
    return held
  }
  assert.equal(await may('admin'), [...PERMISSIONS])
  assert.equal(await may('modifier'), ['image_modify'])
  assert.equal(await may('outsider'), ['image_modify_group', 'image_delete_group'])
  for (const name of ['alice', 'limited', 'node', 'tracker', 'anonymous']) assert.equal(await may(name), [])
})

test('everybody but anonymous is known, users alone are users, admins alone are admins', async ({
  access,
  askers,
}) => {
  const table: string[] = []
  for (const name of ['admin', 'stranger', 'limited', 'node', 'tracker', 'anonymous']) {
    const asker = askers.get(name) ?? anonymousAsker
    const answers = [
      await passes(async () => access.known(asker)),
      await passes(async () => access.user(asker, { change: false })),
      await passes(async () => access.user(asker, { change: true })),
      await passes(async () => access.admin(asker)),
    ]
    table.push(`${name} ${answers.map((answer) => (answer ? 'y' : 'n')).join('')}`)
  }
  assert.equal(table, [
    'admin yyyy',
    'stranger yyyn',
    'limited yynn',
    'node ynnn',
    'tracker ynnn',
    'anonymous nnnn',
  ])
})

test.run()
