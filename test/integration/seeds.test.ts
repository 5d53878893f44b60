import { appendFile, chmod, cp, mkdtemp, open, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PullResult } from '../../src/api/node-schemas.ts'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { changedCopy } from '../../testnet/images/changed-copy.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { assertExportIs, pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const test = suite<{ dir: string; testnet: Testnet; changedBytes: number }>('seeds with real nodes')

test.before(async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'bs-seeds-'))
  context.dir = dir
  const more = { seed: { directories: [dir] } }
  context.testnet = await createTestnet({ nodes: 2, config: { nodes: [more, more] } })
  await writeDiskImage(join(dir, 'old.img'), 24 * MiB)
  const changed = { source: join(dir, 'old.img'), target: join(dir, 'next.img'), seed: 1 }
  context.changedBytes = (await changedCopy(changed)).changedBytes
  await pushImage(context.testnet, join(dir, 'next.img'), 'site/next:1')
})
test.after(async ({ dir, testnet }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

function nodesOf({ testnet }: { testnet: Testnet }): [NodeHandle, NodeHandle] {
  const [one, other] = testnet.nodes
  if (one === undefined || other === undefined) throw new TypeError()
  return [one, other]
}

/** Pulls the image on a node that has nothing of it. */
async function pull(node: NodeHandle): Promise<PullResult> {
  return await withNode(node, async (client) => {
    for (const image of await client.images())
      await client.remove(`${image.namespace}/${image.name}@${image.version}`)
    await client.gc()
    return await client.pull('site/next:1')
  })
}

const wireOf = ({ bytes }: PullResult) => bytes.wireFromOrigin + bytes.wireFromPeers

test('a node with an older image as seed fetches what is new and serves the swarm all of it', async (context) => {
  const { testnet, dir, changedBytes } = context
  const [has, asks] = nodesOf(context)
  const old = join(dir, 'old.img')
  const added = await testnet.cli(['node', 'seed', 'add', old, '-o', 'json'])
  assert.is(added.code, 0, added.stderr)
  assert.equal(
    JSON.parse(added.stdout).map(({ path, size, state }: Record<string, unknown>) => ({ path, size, state })),
    [{ path: old, size: 24 * MiB, state: 'current' }],
  )
  const pulled = await testnet.cli(['image', 'pull', 'site/next:1', '-o', 'json'])
  assert.is(pulled.code, 0, pulled.stderr)
  const result: PullResult = JSON.parse(pulled.stdout)
  const { image, local, seeded, fetchedUncompressed } = result.bytes
  assert.is(local, 0)
  assert.is(seeded + fetchedUncompressed, image)
  assert.ok(seeded > image - 2 * changedBytes, `${seeded} of ${image} bytes from the seed`)
  assert.ok(wireOf(result) < 2 * changedBytes, `${wireOf(result)} bytes over the wire`)
  await assertExportIs(has, 'site/next:1', join(dir, 'next.img'))

  // Nothing depends on the file any more, and others are served.
  await rename(old, `${old}.away`)
  const others = await pull(asks)
  assert.is(others.bytes.seeded, 0)
  assert.ok(others.bytes.wireFromPeers > 0, 'from the node that had a seed')
  await assertExportIs(has, 'site/next:1', join(dir, 'next.img'))
  await assertExportIs(asks, 'site/next:1', join(dir, 'next.img'))
  await rename(`${old}.away`, old)
})

test('a seed that was changed, removed or cannot be read costs nothing but its blocks', async (context) => {
  const { testnet, dir } = context
  const [has] = nodesOf(context)
  const names = ['changed', 'removed', 'overwritten'] as const
  const paths = names.map((name) => join(dir, `${name}.img`))
  await withNode(has, (client) => client.removeSeeds([join(dir, 'old.img')]))
  for (const [i, path] of paths.entries()) {
    await cp(join(dir, 'old.img'), path)
    await withNode(has, (client) => client.addSeeds([path]))
    if (names[i] === 'changed') await appendFile(path, 'more')
    if (names[i] === 'removed') await rm(path)
    if (names[i] === 'overwritten') await overwriteUnseen(path)
    const result = await pull(has)
    assert.is(result.bytes.local, 0)
    assert.ok(result.bytes.fetchedUncompressed > 0)
    await assertExportIs(has, 'site/next:1', join(dir, 'next.img'))
  }
  const listed = await testnet.cli(['node', 'seed', 'ls', '-o', 'name'])
  assert.is(listed.stdout, `${join(dir, 'removed.img')}\n`, 'only what may come back is still one')
})

test('what may not be a seed is refused with the way out', async (context) => {
  const { testnet, dir } = context
  const refused = await testnet.cli(['node', 'seed', 'add', '/etc/hostname'])
  assert.is.not(refused.code, 0)
  assert.match(refused.stderr, /seed\.directories/)
  const none = await testnet.cli(['node', 'seed', 'rm', join(dir, 'none.img')])
  assert.is.not(none.code, 0)
  assert.match(none.stderr, /is no seed/)
})

test('a file that is being written is no seed', async (context) => {
  const [has] = nodesOf(context)
  const path = join(context.dir, 'growing.img')
  await writeDiskImage(path, 64 * MiB)
  const file = await open(path, 'a')
  let writing = true
  const writer = (async () => {
    while (writing) {
      await file.write('x')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })()
  const failure = await withNode(has, (client) => client.addSeeds([path])).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  )
  writing = false
  await writer
  await file.close()
  assert.is(failure, 'E_CONFLICT')
  const seeds = await withNode(has, (client) => client.seeds())
  assert.not(seeds.some((seed) => seed.path === path))
})

/** Other bytes in the middle, with the times of before. */
async function overwriteUnseen(path: string): Promise<void> {
  const file = await open(path, 'r+')
  const { atime, mtime } = await file.stat()
  await file.write(Buffer.alloc(256 * 1024, 7), 0, 256 * 1024, 12 * MiB)
  await file.utimes(atime, mtime)
  await file.close()
  await chmod(path, 0o600)
}

test.run()
