import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fuzzHttp } from '../../../scripts/fuzz/http/fuzz.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite('hostile requests to every route')

test('are answered as the OpenAPI document says, and change nothing that was refused', async () => {
  const site = await TrackerSite.create()
  const tracker = await site.start()
  try {
    const { identity: node } = await site.node(tracker.url, 'node-1')
    const [user, admin] = [await site.user('fuzzuser'), await site.user('admin')]
    const { defects, routes } = await fuzzHttp({
      target: { url: tracker.url, serverName: TRACKER_NAME, caPem: site.site.ca.certificatePem },
      callers: {
        anonymous: { name: 'anonymous' },
        node: { name: 'node', ...node },
        user: { name: 'user', ...user },
        admin: { name: 'admin', ...admin },
      },
      requests: 170,
      seed: 42,
    })
    assert.equal(defects, [])
    assert.is(routes.tried, routes.all)
  } finally {
    await tracker.stop()
    await site.remove()
  }
})

test.run()
