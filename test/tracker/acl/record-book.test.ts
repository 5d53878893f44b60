import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import { parseReference } from '../../../src/core/reference.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { ALICE_DN, addVersion, editDatabase, makeImage } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  dir: string
  remove: () => Promise<void>
  catalog: Catalog
  alarms: string[]
}
const IMAGE = 'team/debian'
const by = { author: ALICE_DN, nowMs: 0 }
const manifestOf = (seed: string) => manifestIdOf(digestOf(Buffer.from(seed)))

const test = suite<Context>('record book')
test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  await reopen(context)
  await makeImage(context.catalog, IMAGE)
  for (const seed of ['one', 'two', 'three']) await addVersion(context.catalog, IMAGE, seed)
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function reopen(context: Context): Promise<void> {
  await context.catalog?.close()
  context.alarms = []
  const onTampered = (error: Error) => context.alarms.push(error.message)
  context.catalog = await openTestCatalog({ dir: context.dir, onTampered })
}

const resolve = ({ catalog }: Context, text = IMAGE) => catalog.images.resolve(parseReference(text))

/** A version is refused, now and after a new start, and somebody is told. */
async function refused(context: Context, text = IMAGE): Promise<void> {
  for (const again of [false, true]) {
    if (again) await reopen(context)
    assert.is((await failureOf(resolve(context, text))).code, 'E_TAMPERED')
    assert.is(context.alarms.length > 0, true)
  }
}

test('records of an image are one chain', async (context) => {
  const rows = await Promise.all([1, 2, 3].map((version) => resolve(context, `${IMAGE}@${version}`)))
  const records = rows.map((row) => context.catalog.records.read(row))
  assert.equal(
    records.map(({ serial, version, event }) => [serial, version, event]),
    [
      [1, 1, 'commit'],
      [2, 2, 'commit'],
      [3, 3, 'commit'],
    ],
  )
  assert.is(records[0]?.previous, null)
  assert.match(records[1]?.previous ?? '', /^[0-9a-f]{64}$/)
  assert.is(new Set(records.map(({ image }) => image)).size, 1)
})

test('what was removed stays removed, and others go on', async (context) => {
  const { record } = await resolve(context, `${IMAGE}@2`)
  await context.catalog.images.removeVersion(imageKey(IMAGE), 2, by)
  assert.is((await resolve(context)).version, 3)
  editDatabase(context.dir, (db) => {
    db.exec(`insert into versions select image, 2, manifest, size, sha256, runs, publisher, record, created_at, content_bytes, signature
      from versions where version = 3`)
    db.prepare('update versions set record = ?, manifest = ? where version = 2').run(
      record,
      manifestOf('two'),
    )
  })
  await refused(context, `${IMAGE}@2`)
  assert.is((await resolve(context)).version, 3)
})

test('a row that says something else than its record is refused', async (context) => {
  const edits = [
    `manifest = '${manifestOf('evil')}'`,
    'size = 11',
    "sha256 = 'aa'",
    "publisher = '/CN=mallory'",
    'record = (select record from versions where version = 2)',
  ]
  for (const edit of edits) {
    const before = editDatabase(context.dir, (db) =>
      db.prepare('select * from versions where version = 3').get(),
    )
    editDatabase(context.dir, (db) => db.exec(`update versions set ${edit} where version = 3`))
    await refused(context)
    const { manifest, size, sha256, publisher, record } = before ?? {}
    editDatabase(context.dir, (db) =>
      db
        .prepare(
          'update versions set manifest = ?, size = ?, sha256 = ?, publisher = ?, record = ? where version = 3',
        )
        .run(...([manifest, size, sha256, publisher, record] as string[])),
    )
    assert.is((await resolve(context)).version, 3)
  }
})

test('a manifest that a row claims gives no right to it', async (context) => {
  await makeImage(context.catalog, 'team/other')
  await addVersion(context.catalog, 'team/other', 'other')
  editDatabase(context.dir, (db) =>
    db.exec(
      `update versions set manifest = '${manifestOf('three')}' where manifest = '${manifestOf('other')}'`,
    ),
  )
  assert.is((await failureOf(context.catalog.images.withManifest(manifestOf('three')))).code, 'E_TAMPERED')
})

test('statements that were cut off are missed', async (context) => {
  editDatabase(context.dir, (db) => {
    db.exec('delete from records where version = 3')
    db.exec('delete from tags; delete from versions where version = 3')
    db.exec(
      "insert into tags (image, tag, version) select image, 'latest', 2 from versions where version = 2",
    )
  })
  await refused(context)
})

test('a gap in the middle is found by who reads the whole chain', async (context) => {
  editDatabase(context.dir, (db) => db.exec('delete from records where version = 2'))
  await reopen(context)
  await refused(context)
})

test('another name goes on with the same chain', async (context) => {
  const { catalog } = context
  const image = await catalog.images.get(imageKey(IMAGE))
  const to = imageKey('team/ubuntu')
  const plan = await catalog.changes.planRename(image, to)
  const owner = { id: image.ownerId ?? 0, name: 'alice' }
  const nothing = { fields: {}, properties: {} }
  await catalog.changes.rename({ image, to, owner, plan }, nothing, by)
  const record = catalog.records.read(await resolve(context, 'team/ubuntu'))
  assert.equal(record.formerly, { ...imageKey(IMAGE), version: 3 })
  assert.is(record.serial, 4)
  const late = catalog.changes.rename({ image, to, owner, plan }, nothing, by)
  assert.is((await failureOf(late)).code, 'E_NOT_FOUND')
})

test('a removed image ends its chain', async (context) => {
  const { catalog, dir } = context
  await catalog.images.remove(imageKey(IMAGE), by)
  const events = editDatabase(dir, (db) =>
    db.prepare('select token from records order by version desc').all(),
  )
  const [, payload = ''] = String(events[0]?.['token']).split('.')
  assert.is(JSON.parse(Buffer.from(payload, 'base64url').toString()).event, 'end')
})

test('changes at once make one chain', async (context) => {
  const { catalog } = context
  await Promise.all(['a', 'b', 'c', 'd'].map((seed) => addVersion(catalog, IMAGE, seed)))
  const serials = await Promise.all(
    [4, 5, 6, 7].map(
      async (version) => catalog.records.read(await resolve(context, `${IMAGE}@${version}`)).serial,
    ),
  )
  assert.equal(serials, [4, 5, 6, 7])
})

test.run()
