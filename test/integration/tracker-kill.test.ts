import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Frame } from '../../src/core/frame.ts'
import { parseReference } from '../../src/core/reference.ts'
import { failureOf } from '../fixtures/failure.ts'
import { imageKey } from '../fixtures/image-key.ts'
import { testImage } from '../fixtures/test-image.ts'
import { collect, pushImage, TrackerSite } from '../fixtures/tracker.ts'
import { TrackerProcess } from '../fixtures/tracker-process.ts'

const test = suite<{ site: TrackerSite }>('a tracker that dies')
const key = imageKey('alice/debian')
const BATCH = 40

test.before.each(async (context) => {
  context.site = await TrackerSite.create()
})
test.after.each(async ({ site }) => {
  await site.remove()
})

test('keeps through kill -9 in mid-push what it acknowledged, and the push resumes', async ({ site }) => {
  const image = testImage({ seed: 'killed', blocks: 2000, zeros: true })
  const alice = await site.user('alice')
  const before = testImage({ seed: 'before', blocks: 20 })
  const first = await TrackerProcess.start(site)
  const client = site.client(first.url, alice)
  await pushImage(client, before, { to: 'alice/before' })

  const upload = await client.openUpload(key.namespace, key.name)
  const acknowledged: Frame[] = []
  let dying: Promise<number | string> | undefined
  const push = async () => {
    // Over and over, so that one of the requests is under way when the tracker dies.
    for (let at = 0; ; at = (at + BATCH) % image.blocks.length) {
      const batch = image.blocks.slice(at, at + BATCH)
      await upload.put(batch)
      acknowledged.push(...batch)
      if (acknowledged.length >= 400) dying ??= first.end('SIGKILL')
    }
  }
  const failure = await failureOf(push())
  assert.is(await dying, 'SIGKILL')
  assert.is(failure.code, 'E_UNREACHABLE')

  const second = await TrackerProcess.start(site)
  const again = site.client(second.url, alice)
  const resumed = await again.openUpload(key.namespace, key.name)
  const held = await resumed.has(acknowledged.map((frame) => frame.digest))
  assert.ok(held.every(Boolean))
  await resumed.abort()
  const { version, sent } = await pushImage(again, image, { to: 'alice/debian' })
  assert.is(version, 1)
  const known = new Set(acknowledged).size
  assert.ok(sent <= image.blocks.length - known + image.nodes.length)
  for (const [reference, pushed] of [
    ['alice/debian', image],
    ['alice/before', before],
  ] as const) {
    assert.ok((await collect(await again.raw(parseReference(reference)))).equals(pushed.bytes))
  }
  assert.is(await second.end('SIGTERM'), 0)
})

test('killed while it commits, it has the version as a whole or not at all', async ({ site }) => {
  const image = testImage({ seed: 'commit', blocks: 1500 })
  const alice = await site.user('alice')
  let versions = 0
  for (const waitMs of [0, 10]) {
    const tracker = await TrackerProcess.start(site)
    const client = site.client(tracker.url, alice)
    const upload = await client.openUpload(key.namespace, key.name)
    await upload.put([...image.blocks, ...image.nodes])
    const commit = upload.commit(image.manifestId, { tags: [] }).then(
      (done) => done.version,
      () => undefined,
    )
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    await tracker.end('SIGKILL')
    const acknowledged = await commit
    const after = await TrackerProcess.start(site)
    const again = site.client(after.url, alice)
    const view = await again.getImage(key.namespace, key.name)
    if (acknowledged !== undefined) assert.is(view.versions.at(-1)?.version, acknowledged)
    assert.ok(view.versions.length - versions <= 1)
    versions = view.versions.length
    for (const { version } of view.versions) {
      const bytes = await collect(await again.raw(parseReference(`alice/debian@${version}`)))
      assert.ok(bytes.equals(image.bytes))
    }
    assert.is(await after.end('SIGTERM'), 0)
  }
})

test('a second tracker on the same data does not start', async ({ site }) => {
  const tracker = await TrackerProcess.start(site)
  assert.match((await failureOf(site.start())).message, /in use/)
  assert.is(await tracker.end('SIGTERM'), 0)
})

test.run()
