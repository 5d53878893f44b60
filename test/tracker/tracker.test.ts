import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseReference } from '../../src/core/reference.ts'
import type { Tracker } from '../../tracker/tracker.ts'
import { failureOf } from '../fixtures/failure.ts'
import { checkNames } from '../fixtures/metrics-text.ts'
import { testImage } from '../fixtures/test-image.ts'
import { collect, pushImage, TrackerSite } from '../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker }>('tracker')

test.before(async (context) => {
  context.site = await TrackerSite.create()
})
test.after(async ({ site }) => {
  await site.remove()
})

test('lets the requests that run come to their end when it stops', async ({ site }) => {
  const tracker = await site.start()
  const alice = await site.user('alice')
  const client = site.client(tracker.url, alice)
  const image = testImage({ seed: 'drain', blocks: 1000 })
  await pushImage(client, image, { to: 'alice/debian' })
  const pieces = await client.raw(parseReference('alice/debian'))
  const stopped = tracker.stop()
  assert.ok((await collect(pieces)).equals(image.bytes))
  await stopped
  assert.is((await failureOf(client.whoami())).code, 'E_UNREACHABLE')
})

test('shows health and metrics on a plain listener of its own, and nothing else', async ({ site }) => {
  const port = await freePort()
  const tracker = await site.start({ more: `metrics: { listen: 127.0.0.1:${port} }` })
  const get = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status
  assert.equal(
    [await get('/livez'), await get('/readyz'), await get('/metrics'), await get('/api/images')],
    [200, 200, 200, 404],
  )
  checkNames(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), 'bootswarm_tracker_')
  const taken = await failureOf(site.start({ more: `metrics: { listen: 127.0.0.1:${port} }` }))
  assert.is(taken.code, 'E_STATE')
  await tracker.stop()
})

test('says which address it cannot listen on, and leaves nothing open', async ({ site }) => {
  const port = await freePort()
  const { createServer } = await import('node:net')
  const other = createServer().listen(port, '127.0.0.1')
  const failure = await failureOf(site.start({ more: `metrics: { listen: 127.0.0.1:${port} }` }))
  assert.is(failure.code, 'E_CONFIG')
  assert.match(failure.message, new RegExp(`127.0.0.1:${port}`))
  await new Promise((resolve) => other.close(resolve))
  const tracker = await site.start()
  await tracker.stop()
})

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

test.run()
