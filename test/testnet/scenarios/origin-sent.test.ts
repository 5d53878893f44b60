import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TrackerClient } from '../../../src/api/tracker-client.ts'
import { ProtocolError } from '../../../src/core/errors.ts'
import type { TrackerHandle } from '../../../testnet/handles.ts'
import { originSentBytes, parseOriginSent } from '../../../testnet/scenarios/origin-sent.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite('origin sent')
const LINE = 'bootswarm_tracker_origin_sent_bytes_total'

test('reads the counter among others', () => {
  assert.is(parseOriginSent(`# TYPE ${LINE} gauge\n${LINE} 1234567\nother 3\n`), 1_234_567)
  for (const text of ['', `# ${LINE} 3`, `${LINE} NaN`, `${LINE}_x 3`]) {
    assert.throws(
      () => parseOriginSent(text),
      (error: unknown) => error instanceof ProtocolError,
    )
  }
})

test('asks a real tracker', async () => {
  const site = await TrackerSite.create()
  const tracker = await site.start()
  const { certificatePem, keyPem } = await site.user('publisher')
  const caPem = site.site.ca.certificatePem
  const client = async () =>
    new TrackerClient({ url: tracker.url, name: TRACKER_NAME, certificatePem, keyPem, caPem })
  assert.is(await originSentBytes({ tracker: { client } as TrackerHandle }), 0)
  await tracker.stop()
  await site.remove()
})

test.run()
