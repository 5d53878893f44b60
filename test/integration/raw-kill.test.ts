// deadline: 180 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { noise } from '../fixtures/noise.ts'
import { eventually, RawClient } from '../fixtures/raw-client.ts'
import { TrackerSite } from '../fixtures/tracker.ts'
import { TrackerProcess } from '../fixtures/tracker-process.ts'

const MiB = 1 << 20
const test = suite<{ site: TrackerSite }>('raw uploads and kill -9')

test.before.each(async (context) => {
  context.site = await TrackerSite.create()
})
test.after.each(async ({ site }) => {
  await site.remove()
})

test('an upload goes on at a whole segment after the tracker was killed', async ({ site }) => {
  const bytes = noise('killed', 200 * MiB)
  const identity = await site.user('alice')
  const first = await TrackerProcess.start(site)
  const before = new RawClient({ url: first.url, site, identity })
  await before.slot('disk')
  const sent = before.begin('disk', bytes.length + 1)
  for (let at = 0; at < bytes.length; at += MiB) sent.send(bytes.subarray(at, at + MiB))
  const kept = async (client: RawClient) => {
    const [, range] = await client.ask('disk')
    return range === undefined ? 0 : Number(/^bytes=0-(\d+)$/.exec(range)?.[1]) + 1
  }
  await eventually(async () => (await kept(before)) > 0)
  assert.is(await first.end('SIGKILL'), 'SIGKILL')
  await sent.status.catch(() => {})
  before.close()

  const second = await TrackerProcess.start(site)
  const after = new RawClient({ url: second.url, site, identity })
  const start = await kept(after)
  assert.ok(start > 0 && start < bytes.length, `${start}`)
  const { state, version } = await after.object('alice/disk')
  assert.equal([state, version], ['locked', 0])
  // What is kept outlives a collection.
  await site.client(second.url, await site.user('admin')).gc()
  const rest = Buffer.concat([bytes.subarray(start), Buffer.from('!')])
  const range = `bytes ${start}-${bytes.length}/${bytes.length + 1}`
  assert.is((await after.put('disk', rest, { 'content-range': range })).status, 200)
  const { body } = await after.get('disk')
  assert.ok(body.equals(Buffer.concat([bytes, Buffer.from('!')])))
  after.close()
  assert.is(await second.end('SIGTERM'), 0)
})

test.run()
