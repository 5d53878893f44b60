import * as assert from 'uvu/assert'
import { parseMetadata } from '../../../src/core/metadata-values.ts'
import { parseQuery } from '../../../src/core/query-parser.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { adminAsker } from '../../fixtures/askers.ts'
import { imageKey } from '../../fixtures/image-key.ts'

import { by, commit, create, image, nowMs, type On, userOf } from './steps.ts'

/** Images with metadata of all kinds, one with a version of 10 bytes. */
async function fill(catalog: Catalog): Promise<void> {
  const given: Record<string, Record<string, unknown>> = {
    'team/debian': {
      ...{ os: 'Debian 12', arch: 'x86_64', hypervisor: 'kvm,xen', read_only: false, type: 'machine' },
      ...{
        expires: '2030-06-01',
        keywords: 'stable,small',
        description: "it's 50% _small_",
        'property.site': 'CERN',
      },
    },
    'team/ubuntu': { os: 'Ubuntu', arch: 'aarch64', hypervisor: 'kvm', 'property.site': 'Écublens' },
    'team/Zebra': { os: 'ubuntu', hypervisor: 'xenon', keywords: 'smaller', expires: '2031-01-01T10:00:00Z' },
    'other/alter': {},
  }
  for (const [name, metadata] of Object.entries(given)) {
    const key = imageKey(name)
    await create(catalog, key, key.namespace)
    const change = parseMetadata(metadata, { unknown: 'refuse' })
    await catalog.changes.change(await catalog.images.get(key), change, by)
  }
  await commit(catalog)
  const { id } = await catalog.images.get(imageKey('team/ubuntu'))
  await catalog.accesses.add([{ image: id, count: 3, lastMs: nowMs }])
}

async function names(catalog: Catalog, text: string): Promise<string> {
  const asker = adminAsker(await userOf(catalog, 'root'))
  const { images } = await catalog.search.search(asker, parseQuery(text), { nowMs })
  return images.map(({ name }) => name).join(' ')
}

async function values(catalog: Catalog, text: string): Promise<unknown[]> {
  const asker = adminAsker(await userOf(catalog, 'root'))
  const { images } = await catalog.search.search(asker, parseQuery(text), { nowMs })
  return images.map((found) => found.values)
}

/** What each query finds; in the order of namespaces and names, upper case first. */
const FOUND: readonly (readonly [query: string, names: string])[] = [
  ['', 'alter Zebra debian ubuntu'],
  ['where os=Ubuntu', 'ubuntu'],
  ['where os!=Ubuntu', 'alter Zebra debian'],
  ["where os=''", 'alter'],
  ['where os>=Ubuntu', 'Zebra ubuntu'],
  ['where os<Ubuntu', 'alter debian'],
  ['where vmType=xen', 'alter debian'],
  ['where vmType!=xen', 'Zebra ubuntu'],
  ['where hypervisor=kvm, arch=x86_64', 'debian'],
  ['where keywords=small', 'debian'],
  ["where keywords=''", 'alter ubuntu'],
  ["where keywords='%mall'", ''],
  ['where type=machine', 'debian'],
  ['where type!=machine', 'alter Zebra ubuntu'],
  ['where read_only=no', 'alter Zebra debian ubuntu'],
  ['where read_only=yes', ''],
  ['where raw_file_uploaded=true', 'debian'],
  ['where raw_file_uploaded!=true', 'alter Zebra ubuntu'],
  ['where expires=2030-06-01', 'debian'],
  ['where expires<2031-01-01T10:00:00', 'debian'],
  ['where expires<=2031-01-01T10:00:00', 'Zebra debian'],
  ['where expires>2030-06-01', 'Zebra'],
  ['where expires!=2030-06-01', 'alter Zebra ubuntu'],
  ["where expires=''", 'alter ubuntu'],
  ["where expires!=''", 'Zebra debian'],
  ['where size=10', 'debian'],
  ['where size!=10', 'alter Zebra ubuntu'],
  ['where size<1KiB', 'debian'],
  ["where size=''", 'alter Zebra ubuntu'],
  ['where version>=1', 'debian'],
  ['where accessCount>2', 'ubuntu'],
  ['where state=available', 'debian'],
  ['where owner=team', 'Zebra debian ubuntu'],
  ['where namespace=other', 'alter'],
  ['where property.site=CERN', 'debian'],
  ['where property.site!=CERN', 'alter Zebra ubuntu'],
  ["where property.site=''", 'alter Zebra'],
  ['where property.site>D', 'ubuntu'],
  ["where description='it''s 50% _small_'", 'debian'],
  ['where os~/^ubuntu$/', 'Zebra'],
  ['where os~/^ubuntu$/i', 'Zebra ubuntu'],
  ['where os!~/^ubuntu$/i', 'alter debian'],
  ['where property.site~/^É/, name~/b/', 'ubuntu'],
  ['where hypervisor~/xen(,|$)/', 'alter debian'],
  ['where name~/./ order by name desc limit 2', 'ubuntu debian'],
  ['where name~/./ order by name limit 2 offset 1', 'alter debian'],
  ['order by name', 'Zebra alter debian ubuntu'],
  ['order by os', 'debian ubuntu Zebra alter'],
  ['order by os desc', 'Zebra ubuntu debian alter'],
  ['order by expires', 'debian Zebra alter ubuntu'],
  ['order by expires desc', 'Zebra debian alter ubuntu'],
  ['order by access_count desc', 'ubuntu alter Zebra debian'],
  ['order by property.site desc limit 2', 'ubuntu debian'],
  ['limit 2 offset 1', 'Zebra debian'],
]

/** Queries, the same on every database. */
export function queryTests(on: On): void {
  on('queries find what the specification says', async ({ catalog }) => {
    await fill(catalog)
    for (const [text, expected] of FOUND) assert.is(await names(catalog, text), expected, text)
  })

  on('shows the fields that were asked for', async ({ catalog }) => {
    await fill(catalog)
    assert.equal(
      await values(
        catalog,
        'name,size,vmType,read_only,expires,property.site,uploaded,owner where namespace=team',
      ),
      [
        ['Zebra', null, 'xenon', false, Date.UTC(2031, 0, 1, 10), '', null, 'team'],
        ['debian', 10, 'kvm,xen', false, Date.UTC(2030, 5, 1), 'CERN', nowMs, 'team'],
        ['ubuntu', null, 'kvm', false, null, 'Écublens', null, 'team'],
      ],
    )
  })

  on('shows every field and every free pair', async ({ catalog }) => {
    await fill(catalog)
    const asker = adminAsker(await userOf(catalog, 'root'))
    const { fields, images } = await catalog.search.search(asker, parseQuery('* where name=debian'), {
      nowMs,
    })
    const [found] = images
    const shown = (name: string) => found?.values[fields.findIndex(({ as }) => as === name)]
    assert.equal(found?.properties, { site: 'CERN' })
    assert.equal(
      [shown('state'), shown('access'), shown('unauthenticated_access'), shown('content_bytes')],
      ['available', 'private', false, 10],
    )
  })

  on('says where the next page begins', async ({ catalog }) => {
    await fill(catalog)
    const asker = adminAsker(await userOf(catalog, 'root'))
    const next = async (text: string) =>
      (await catalog.search.search(asker, parseQuery(text), { nowMs })).next
    assert.is(await next('limit 3'), 3)
    assert.is(await next('limit 1 offset 3'), null)
    assert.is(await next('where name~/./ limit 2 offset 1'), 3)
    assert.is(await next('limit 4'), null)
  })

  on('what was removed, and older versions, are not found', async ({ catalog }) => {
    await commit(catalog)
    await commit(catalog)
    assert.equal(await values(catalog, 'version'), [[2]])
    await catalog.images.removeVersion(image, 2, by)
    assert.equal(await values(catalog, 'version'), [[1]])
    await catalog.images.remove(image, by)
    assert.equal(await values(catalog, 'version'), [])
  })
}
