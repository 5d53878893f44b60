import { Value } from '@sinclair/typebox/value'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ImageObject } from '../../../src/api/image-schemas.ts'
import type { AclEntry } from '../../../src/core/acl.ts'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import type { Tag } from '../../../src/core/reference.ts'
import type { ImageDetails } from '../../../tracker/catalog/image-details.ts'
import type { StoredImage } from '../../../tracker/catalog/image-rows.ts'
import { imageObject } from '../../../tracker/images/image-object.ts'
import { imageKey } from '../../fixtures/image-key.ts'

const test = suite('image objects')
const GiB = 1024 ** 3

const image: StoredImage = {
  ...imageKey('alice/debian'),
  ...{ id: 1, uuid: 'u-1', ownerId: 7, ownerName: 'alice', ownerDn: '/CN=alice', state: 'available' },
  ...{ createdAtMs: Date.UTC(2010, 10, 11, 0, 4, 59), modifiedAtMs: 0, uploadedAtMs: 0, expiresAtMs: null },
  ...{ accessCount: 3, accessedAtMs: 0, description: '', osVariant: 'Debian', osType: '', osArch: '' },
  ...{
    hypervisor: 'xen,kvm',
    imageType: '',
    format: '',
    kernel: '',
    ramdisk: '',
    keywords: 'a,b',
    readOnly: true,
  },
}
const version = {
  ...{ version: 3, manifest: manifestIdOf(digestOf(Buffer.from('m'))), size: 5000 * GiB, sha256: 'ab' },
  ...{ contentBytes: 2 * GiB + 1, publisher: '/CN=bob', signed: true, createdAtMs: 0 },
}
const details: ImageDetails = {
  versions: [version],
  tags: [{ tag: 'latest' as Tag, version: 3 }],
  properties: { colour: 'blue' },
  entries: [],
  namespaceEntries: [],
}
const init = { baseUrl: 'https://t:1', openUrl: 'http://t:2', isKeeper: () => true, concerns: () => false }
const entry = (kind: AclEntry['kind'], subject: string): AclEntry => ({ kind, subject, right: 'read' })

test('has every field that is promised, and no other', () => {
  const object = imageObject(image, details, init)
  assert.ok(Value.Check(ImageObject, object), JSON.stringify([...Value.Errors(ImageObject, object)][0]))
  assert.equal(Object.keys(object).sort(), Object.keys(ImageObject.properties).sort())
})

test('says times as ctime does, and nothing as null', () => {
  const { created, expires, description, os_variant } = imageObject(image, details, init)
  assert.equal(
    [created, expires, description, os_variant],
    ['Thu Nov 11 00:04:59 2010', null, null, 'Debian'],
  )
})

test('sizes past 2 GiB and past 4 GiB are whole numbers like any other', () => {
  const { size, content_bytes, versions } = imageObject(image, details, init)
  assert.equal([size, content_bytes, versions[0]?.size], [5000 * GiB, 2 * GiB + 1, 5000 * GiB])
})

test('the name of the owner is for all, the distinguished name is not', () => {
  const object = imageObject(image, details, { ...init, isKeeper: () => false })
  assert.is(object.owner, 'https://t:1/api/users/alice')
  assert.not('owner_dn' in object)
})

test('an image whose owner is gone has none', () => {
  const { owner, owner_user_name } = imageObject(
    { ...image, ownerId: null, ownerName: null, ownerDn: null },
    details,
    init,
  )
  assert.equal([owner, owner_user_name], [null, null])
})

test('its own ACL says with whom it is shared, that of the namespace counts too for whether it is open', () => {
  const own = [
    entry('user', 'bob'),
    entry('group', 'physics'),
    entry('group', 'nodes'),
    entry('node', 'hv-1'),
  ]
  const shared = imageObject(image, { ...details, entries: own }, init)
  assert.equal(shared.shared_with, {
    users: ['https://t:1/api/users/bob'],
    groups: ['https://t:1/api/groups/physics'],
    nodes: ['hv-1'],
  })
  assert.equal(
    [shared.permission, shared.unauthenticated_access, shared.http_file_url],
    ['private', false, null],
  )
  const open = imageObject(image, { ...details, namespaceEntries: [entry('anyone', '')] }, init)
  assert.equal([open.permission, open.unauthenticated_access], ['public', true])
  assert.is(open.http_file_url, 'http://t:2/api/images/raw/alice/__hypervisor__/debian')
  assert.is(imageObject(image, { ...details, entries: [entry('group', 'users')] }, init).permission, 'public')
})

test('others learn of sharing only what concerns them', () => {
  const entries = [entry('user', 'bob'), entry('user', 'carol'), entry('group', 'physics')]
  const concerns = ({ subject }: AclEntry) => subject === 'bob'
  const { shared_with } = imageObject(
    image,
    { ...details, entries },
    { ...init, isKeeper: () => false, concerns },
  )
  assert.equal(shared_with, { users: ['https://t:1/api/users/bob'], groups: [], nodes: [] })
})

test('a slot has version 0 and no size', () => {
  const {
    version: newest,
    size,
    checksum,
    raw_file_uploaded,
    signed_by,
  } = imageObject(image, { ...details, versions: [] }, init)
  assert.equal(
    [newest, size, checksum, raw_file_uploaded, signed_by],
    [0, null, { type: null, value: null }, false, null],
  )
})

test('a signature of the publisher is told', () => {
  assert.is(imageObject(image, details, init).signed_by, '/CN=bob')
  const unsigned = [{ ...version, signed: false }]
  assert.is(imageObject(image, { ...details, versions: unsigned }, init).signed_by, null)
})

test.run()
