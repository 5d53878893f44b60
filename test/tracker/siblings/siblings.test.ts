import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseReference } from '../../../src/core/reference.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { ADMIN_DN, collect, pushImage, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite }>('siblings')

test.before(async (context) => {
  context.site = await TrackerSite.create()
})
test.after(async ({ site }) => {
  await site.remove()
})

test('what a tracker had before there were several stays through its next collection', async ({ site }) => {
  const image = testImage({ seed: 'old', blocks: 40 })
  const alice = await site.user('alice')
  const first = await site.start()
  await pushImage(site.client(first.url, alice), image, { to: 'alice/old' })
  await first.stop()
  const db = new DatabaseSync(join(site.dir, 'data', 'catalog.sqlite'))
  db.exec('delete from holdings; delete from trackers')
  db.close()
  const second = await site.start()
  const commonName = ADMIN_DN.split('CN=')[1] ?? ''
  const admin = site.client(second.url, await site.site.issue({ kind: 'user', commonName }))
  assert.is((await admin.gc()).blocksDeleted, 0)
  const client = site.client(second.url, alice)
  assert.ok((await collect(await client.raw(parseReference('alice/old')))).equals(image.bytes))
  const { namespace, name } = imageKey('alice/old')
  await client.removeImage(namespace, name)
  assert.ok((await admin.gc()).blocksDeleted >= image.blocks.length)
  await second.stop()
})

test.run()
