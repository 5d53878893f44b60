import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CatalogEntry, ImageCatalog } from '../../node/image-catalog.ts'
import type { Log } from '../../src/core/log.ts'
import { silentLog } from '../../src/core/log.ts'
import { parseReference } from '../../src/core/reference.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('image catalog of a node')

function entry(version: number, more: Partial<CatalogEntry> = {}): CatalogEntry {
  return {
    ...{ namespace: 'site', name: 'disk', version, manifest: `b${version}`, size: 4096, sha256: null },
    ...{ complete: true, pulledAt: 1, record: 'r', grant: 'g' },
    ...more,
  }
}

const find = (catalog: ImageCatalog, text: string) => catalog.find(parseReference(text))?.version

test('finds versions, and the newest version that was asked for by a tag', () =>
  withScratch(async (dir) => {
    const catalog = await ImageCatalog.open({ log: silentLog }, { dir })
    await catalog.save(entry(1, { tag: 'latest' }))
    await catalog.save(entry(2, { tag: 'latest' }))
    await catalog.save(entry(3, { tag: 'beta' }))
    await catalog.save(entry(9, { name: 'other', tag: 'latest' }))
    assert.is(find(catalog, 'site/disk'), 2)
    assert.is(find(catalog, 'site/disk:beta'), 3)
    assert.is(find(catalog, 'site/disk@1'), 1)
    assert.is(find(catalog, 'site/disk@7'), undefined)
    assert.is(find(catalog, 'elsewhere/disk'), undefined)
  }))

test('finds everything again after a restart', () =>
  withScratch(async (dir) => {
    const catalog = await ImageCatalog.open({ log: silentLog }, { dir })
    await catalog.save(entry(1, { complete: false }))
    await catalog.save(entry(2))
    await catalog.remove(entry(2))
    const again = await ImageCatalog.open({ log: silentLog }, { dir })
    assert.equal(again.all(), [entry(1, { complete: false })])
  }))

test('keeps changes that come at the same time, all of them', () =>
  withScratch(async (dir) => {
    const catalog = await ImageCatalog.open({ log: silentLog }, { dir })
    const before = entry(1, { complete: false })
    await catalog.save(before)
    for (let i = 0; i < 20; i++) {
      const grant = `g${i}`.repeat(i + 1)
      await Promise.all([
        catalog.save(before),
        catalog.update(before, { grant }),
        catalog.update(before, { complete: true }),
      ])
      const again = await ImageCatalog.open({ log: silentLog }, { dir })
      assert.equal(again.all(), [{ ...before, grant, complete: true }])
    }
  }))

test('does not bring back what is removed while it changes', () =>
  withScratch(async (dir) => {
    const catalog = await ImageCatalog.open({ log: silentLog }, { dir })
    await catalog.save(entry(1))
    await Promise.all([catalog.remove(entry(1)), catalog.update(entry(1), { grant: 'new' })])
    assert.equal(catalog.all(), [])
    assert.equal((await ImageCatalog.open({ log: silentLog }, { dir })).all(), [])
  }))

test('what the file system refuses is an error of the store', () =>
  withScratch(async (dir) => {
    const catalog = await ImageCatalog.open({ log: silentLog }, { dir })
    await writeFile(join(dir, 'site'), 'a file where a directory is needed')
    const code = await catalog.save(entry(1)).catch((error: { code?: string }) => error.code)
    assert.is(code, 'E_STORAGE')
    assert.equal(catalog.all(), [])
    await catalog.save(entry(1, { namespace: 'other' }))
    assert.is(catalog.all().length, 1)
  }))

test('leaves files alone that it does not understand, and says so', () =>
  withScratch(async (dir) => {
    await mkdir(join(dir, 'site', 'disk'), { recursive: true })
    await writeFile(join(dir, 'site', 'disk', '1.json'), '{"half":')
    await writeFile(join(dir, 'site', 'disk', '2.json.partial'), 'x')
    const errors: object[] = []
    const log: Log = { ...silentLog, error: (data) => void errors.push(data) }
    const catalog = await ImageCatalog.open({ log }, { dir })
    assert.equal(catalog.all(), [])
    assert.equal(errors, [{ file: 'site/disk/1.json' }])
    assert.is((await readdir(join(dir, 'site', 'disk'))).length, 2)
  }))

test.run()
