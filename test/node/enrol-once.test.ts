import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseNodeConfig } from '../../node/config.ts'
import { enrolOnce, passPath } from '../../node/enrol-once.ts'
import { startNode } from '../../node/node.ts'
import { NodeClient } from '../../src/api/node-client.ts'
import { silentLog } from '../../src/core/log.ts'
import type { Tracker } from '../../tracker/tracker.ts'
import { TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker }>('enrolling before the daemon runs')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const { site } = context
  const own = await site.site.issue({ kind: 'node', commonName: 'hv1' })
  await writeFile(join(site.dir, 'node.pem'), own.certificatePem)
  await writeFile(join(site.dir, 'node.key'), own.keyPem, { mode: 0o600 })
  context.tracker = await site.start()
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

function configOf(site: TrackerSite, url: string) {
  const text = `dataDir: node
tracker: { url: "${url}", name: ${TRACKER_NAME} }
identity: { certificate: node.pem, key: node.key, ca: ca.pem }
p2p: { listen: [/ip4/127.0.0.1/tcp/0] }
control: { socket: node.sock }
labels: { rack: a }
`
  return parseNodeConfig(text, { path: join(site.dir, 'node.yaml') })
}

test('makes the peer key and keeps the pass, and the daemon is the same node', async ({ site, tracker }) => {
  const config = configOf(site, tracker.url)
  const enrolment = await enrolOnce(config)
  assert.equal([enrolment.state, enrolment.name], ['active', 'hv1'])
  assert.is((await stat(passPath(config))).mode & 0o777, 0o600)
  assert.ok((await readFile(passPath(config), 'utf8')).length > 0)
  const node = await startNode({ log: silentLog }, config)
  const client = new NodeClient({ socket: node.socket })
  const alice = site.client(tracker.url, await site.user('alice'))
  assert.is((await alice.node('hv1')).peer, node.peer)
  assert.is((await client.enrol()).state, 'active')
  assert.equal((await alice.node('hv1')).labels, { rack: 'a' })
  await client.close()
  await node.stop()
})

test('says when the tracker does not answer', async ({ site }) => {
  await mkdir(join(site.dir, 'node'), { recursive: true })
  const enrolment = await enrolOnce(configOf(site, 'https://127.0.0.1:1'))
  assert.is(enrolment.state, 'unknown')
  assert.match(enrolment.reason ?? '', /cannot be reached/)
})

test.run()
