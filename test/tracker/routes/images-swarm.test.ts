import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { announceOne } from '../../../src/api/announce-one.ts'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { Registry, type RegistryCaller } from '../../fixtures/registry-site.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage } from '../../fixtures/tracker.ts'

interface Context {
  registry: Registry
  alice: RegistryCaller
  client: TrackerClient
  node: { client: TrackerClient; peer: PeerKey }
}
const test = suite<Context>('changes of images and grants')
const addresses = ['/ip4/10.0.0.1/tcp/4002']

test.before(async (context) => {
  // Nodes read nothing by being nodes: only what is shared with them.
  const more = 'namespaces: { nodesRead: false }\n'
  context.registry = await Registry.start({ users: ['alice', 'bob'], more })
  const { site, tracker } = context.registry
  context.alice = await context.registry.user('alice')
  context.client = site.client(tracker.url, await context.registry.identity('alice'))
  context.node = await site.node(tracker.url, 'hv-1')
})
test.after(async ({ registry }) => {
  await registry?.stop()
})

/** Makes an image that the node may read, joins, and returns how the node goes on asking for grants. */
async function swarm({ client, node }: Context, name: string) {
  const image = testImage({ seed: name, blocks: 20 })
  const to = `alice/${name}`
  await pushImage(client, image, { to })
  const entry = { kind: 'node', subject: 'hv-1', right: 'read' } as const
  await client.signed.changeAcl(imageKey(to), { entry })
  const { peer } = node
  const join = (reference = to) => node.client.join({ reference, peer, addresses })
  const swarm = { manifest: image.manifestId, runs: 0, find: true, grant: true }
  const announce = () => announceOne(node.client, { peer, addresses, swarm })
  await join()
  await announce()
  return { image, join, announce }
}

test('unsharing, locking, expiry and removal give no further grant, by name or by manifest', async (context) => {
  const { alice, client } = context
  const ways: [string, string, () => Promise<unknown>][] = [
    [
      'unshared',
      'E_NOT_AUTHORISED',
      () =>
        client.signed.changeAcl(imageKey('alice/unshared'), {
          entry: { kind: 'node', subject: 'hv-1', right: 'none' },
        }),
    ],
    ['locked', 'E_NOT_AUTHORISED', () => alice.post('/api/images/locked', { state: 'locked' })],
    ['expired', 'E_NOT_AUTHORISED', () => alice.post('/api/images/expired', { expires: '2001-01-01' })],
    ['removed', 'E_NOT_FOUND', () => alice.delete('/api/images/removed')],
  ]
  for (const [name, code, stop] of ways) {
    const { join, announce } = await swarm(context, name)
    await stop()
    assert.is((await failureOf(join())).code, code, name)
    assert.is((await failureOf(announce())).code, 'E_NOT_AUTHORISED', name)
  }
})

test('a version that was removed is granted no more, others of the image are', async (context) => {
  const { alice, client } = context
  const { join, announce } = await swarm(context, 'versions')
  await pushImage(client, testImage({ seed: 'other', blocks: 20 }), { to: 'alice/versions' })
  await alice.delete('/api/images/versions?version=1')
  assert.is((await failureOf(join('alice/versions@1'))).code, 'E_NOT_FOUND')
  assert.is((await failureOf(announce())).code, 'E_NOT_AUTHORISED')
  await join('alice/versions')
})

test('a renamed image is granted under its new name, and nodes that have its manifest go on', async (context) => {
  const { alice } = context
  const { join, announce } = await swarm(context, 'old')
  await alice.form('/api/images/old', { name: 'new' })
  assert.is((await failureOf(join())).code, 'E_NOT_FOUND')
  await announce()
  await join('alice/new')
})

test.run()
