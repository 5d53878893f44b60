import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseNodeConfig } from '../../node/config.ts'
import { type RunningNode, startNode } from '../../node/node.ts'
import { NodeClient } from '../../src/api/node-client.ts'
import { silentLog } from '../../src/core/log.ts'
import type { Tracker } from '../../tracker/tracker.ts'
import { failureOf } from '../fixtures/failure.ts'
import { testImage } from '../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

const IMAGE = testImage({ seed: 'node', blocks: 300, zeros: true })

interface Context {
  site: TrackerSite
  tracker: Tracker
  node: RunningNode
  client: NodeClient
}

const test = suite<Context>('node')

/** `more` are further lines of node.yaml, `name` that of its folder and socket. */
async function start(
  { site, tracker }: Pick<Context, 'site' | 'tracker'>,
  { name = 'node', more = '' } = {},
): Promise<RunningNode> {
  const text = `dataDir: ${name}
tracker: { url: "${tracker.url}", name: ${TRACKER_NAME} }
identity: { certificate: node.pem, key: node.key, ca: ca.pem }
p2p: { listen: [/ip4/127.0.0.1/tcp/0] }
control: { socket: ${name}.sock }
export: { directories: [exports] }
${more}`
  return await startNode({ log: silentLog }, parseNodeConfig(text, { path: join(site.dir, 'node.yaml') }))
}

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const { site } = context
  const own = await site.site.issue({ kind: 'node', commonName: 'node-1' })
  await writeFile(join(site.dir, 'node.pem'), own.certificatePem)
  await writeFile(join(site.dir, 'node.key'), own.keyPem, { mode: 0o600 })
  context.tracker = await site.start()
  const publisher = site.client(context.tracker.url, await site.user('alice'))
  await pushImage(publisher, IMAGE, { to: 'site/disk' })
  context.node = await start(context)
  context.client = new NodeClient({ socket: context.node.socket })
})

test.after(async ({ site, tracker, node, client }) => {
  await client.close()
  await node.stop()
  await tracker.stop()
  await site.remove()
})

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  )
}

test('its socket is for owner and group alone, and cannot be taken twice', async (context) => {
  assert.is((await stat(context.node.socket)).mode & 0o777, 0o660)
  assert.is(await codeOf(start(context)), 'E_STATE')
  assert.is((await context.client.status()).peer, context.node.peer)
})

test('names what is wrong with a request', async ({ client }) => {
  assert.is(await codeOf(client.pull('site/unknown')), 'E_NOT_FOUND')
  assert.is(await codeOf(client.pull('../etc/passwd')), 'E_INVALID')
  assert.is(await codeOf(client.remove('site/disk')), 'E_NOT_FOUND')
  assert.is(await codeOf(client.export({ reference: 'site/disk', path: '/tmp/x' })), 'E_NOT_FOUND')
})

test('pulls, lists and exports an image, byte for byte', async ({ client, site }) => {
  const seen: number[] = []
  const result = await client.pull('site/disk', { onProgress: ({ blocks }) => seen.push(blocks.fetched) })
  assert.is(result.reference, 'site/disk@1')
  assert.is(result.imageBytes, IMAGE.bytes.length)
  assert.is(result.blocks.fetched, 300)
  assert.ok(seen.length > 0)
  const [image] = await client.images()
  assert.is(image?.tag, 'latest')
  assert.ok(image?.complete)
  const path = join(site.dir, 'exports', 'disk.img')
  await client.export({ reference: 'site/disk', path })
  assert.is(Buffer.compare(await readFile(path), IMAGE.bytes), 0)
  assert.is(
    await codeOf(client.export({ reference: 'site/disk', path: join(site.dir, 'x') })),
    'E_NOT_AUTHORISED',
  )
})

test('a second pull finds everything here', async ({ client }) => {
  const result = await client.pull('site/disk@1')
  assert.equal(result.blocks, { total: 300, local: 300, seeded: 0, fetched: 0 })
})

test('shows its figures', async ({ client, tracker }) => {
  const status = await client.status()
  assert.is(status.images, 1)
  assert.equal(status.tracker, { url: tracker.url, reachable: true })
  const peers = await client.peers()
  assert.ok(peers.some(({ peer, origin }) => origin && peer === tracker.peer))
})

test('a corrupt block on disk is found, and a pull puts it right', async (context) => {
  const packs = join(context.site.dir, 'node', 'blocks', 'packs')
  const [pack] = (await readdir(packs)).filter((name) => name.endsWith('.pack'))
  const file = await open(join(packs, pack ?? ''), 'r+')
  const { size } = await file.stat()
  await file.write(Buffer.alloc(64, 0xaa), 0, 64, size >> 1)
  await file.close()
  const report = await context.client.verify()
  assert.is(report.corrupt > 0, true)
  assert.equal(report.incompleteImages, ['site/disk@1'])
  const result = await context.client.pull('site/disk')
  assert.is(result.blocks.fetched, report.corrupt)
  assert.is((await context.client.verify()).corrupt, 0)
})

/** Spoils the manifest of the node, or its segments. */
async function damageNodes(site: TrackerSite, what: 'manifest' | 'segments'): Promise<void> {
  const dir = join(site.dir, 'node', 'nodes')
  for (const name of await readdir(dir, { recursive: true })) {
    if (!name.endsWith('.data')) continue
    const isManifest = (await readFile(join(dir, name), 'latin1')).includes('bootswarm/manifest')
    if (isManifest !== (what === 'manifest')) continue
    const file = await open(join(dir, name), 'r+')
    await file.write(Buffer.from([0xff]), 0, 1, 20)
    await file.close()
  }
}

test('a damaged manifest on disk keeps a node from nothing, and is fetched again', async (context) => {
  await context.node.stop()
  await context.client.close()
  await damageNodes(context.site, 'manifest')
  context.node = await start(context)
  context.client = new NodeClient({ socket: context.node.socket })
  assert.equal((await context.client.pull('site/disk')).blocks, {
    total: 300,
    local: 300,
    seeded: 0,
    fetched: 0,
  })
})

test('a damaged segment on disk is found, and a pull puts it right', async ({ client, site }) => {
  await damageNodes(site, 'segments')
  assert.equal((await client.verify()).incompleteImages, ['site/disk@1'])
  await client.pull('site/disk')
  assert.equal((await client.verify()).incompleteImages, [])
})

test('serves what it holds after a restart', async (context) => {
  await context.node.stop()
  await context.client.close()
  context.node = await start(context)
  context.client = new NodeClient({ socket: context.node.socket })
  assert.is((await context.client.status()).images, 1)
  assert.equal((await context.client.pull('site/disk')).blocks, {
    total: 300,
    local: 300,
    seeded: 0,
    fetched: 0,
  })
})

test('two names of one image, pulled at the same time, are both here', async ({ client, site, tracker }) => {
  const publisher = site.client(tracker.url, await site.user('alice'))
  const image = testImage({ seed: 'twice', blocks: 400 })
  for (const to of ['site/one', 'site/two']) await pushImage(publisher, image, { to })
  const results = await Promise.all([client.pull('site/one'), client.pull('site/two')])
  assert.equal(
    results.map(({ reference }) => reference),
    ['site/one@1', 'site/two@1'],
  )
  const here = (await client.images()).filter(({ complete }) => complete).map(({ name }) => name)
  assert.equal(here, ['disk', 'one', 'two'])
  for (const reference of ['site/one', 'site/two']) await client.remove(reference)
  await client.gc()
})

test('keeps to the limit of its store, and says what to do about it', async (context) => {
  const node = await start(context, { name: 'small', more: 'store: { maxBytes: 1000 }\n' })
  const client = new NodeClient({ socket: node.socket })
  try {
    const error = await failureOf(client.pull('site/disk'))
    assert.is(error.code, 'E_QUOTA')
    assert.match(error.message, 'bootswarm node gc, or raise store.maxBytes')
    assert.ok((await client.status()).store.storedBytes <= 1000)
  } finally {
    await client.close()
    await node.stop()
  }
})

test('forgets an image, and garbage collection gives its space back', async ({ client }) => {
  assert.is((await client.gc({ dryRun: true })).blocksDeleted, 0)
  await client.remove('site/disk')
  const dry = await client.gc({ dryRun: true })
  assert.is(dry.blocksDeleted, 300)
  assert.is((await client.status()).store.blocks, 300)
  const done = await client.gc()
  assert.is(done.blocksDeleted, 300)
  assert.is((await client.status()).store.blocks, 0)
})

test.run()
