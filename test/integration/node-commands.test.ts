import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Testnet } from '../../testnet/handles.ts'
import { firstDifference } from '../../testnet/images/compare.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { jsonOf } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const test = suite<{ dir: string; image: string; testnet: Testnet }>('node commands')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-cmd-'))
  context.image = join(context.dir, 'disk.img')
  await writeDiskImage(context.image, 8 * MiB)
  context.testnet = await createTestnet({ nodes: 1 })
  await jsonOf(context.testnet, 'image', 'push', context.image, 'site/disk:1')
})

test.after(async ({ testnet, dir }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

test('an image is pulled and written to a file that has its bytes', async ({ testnet, image }) => {
  const target = join(testnet.nodes[0]?.exports ?? '', 'disk.img')
  const pulled = await jsonOf(testnet, 'image', 'pull', 'site/disk:1', '--output', target)
  assert.is(pulled.version, 1)
  assert.is(pulled.imageBytes, 8 * MiB)
  assert.ok(pulled.bytes.wireFromOrigin > 0)
  assert.is(pulled.exported.path, target)
  assert.is(await firstDifference(image, target), undefined)
})

test('a second pull fetches nothing', async ({ testnet }) => {
  const { bytes } = await jsonOf(testnet, 'image', 'pull', 'site/disk:1')
  assert.is(bytes.wireFromOrigin + bytes.wireFromPeers, 0)
  const { stdout } = await testnet.cli(['image', 'pull', 'site/disk:1'])
  assert.match(stdout, /^over the wire +nothing$/m)
})

test('a file outside the export directories is refused', async ({ testnet, dir }) => {
  const { code, stderr } = await testnet.cli([
    'image',
    'pull',
    'site/disk:1',
    '--output',
    join(dir, 'no.img'),
  ])
  assert.is(code, 4, stderr)
})

test('an image that is not there ends with 3', async ({ testnet }) => {
  const { code, stderr } = await testnet.cli(['image', 'pull', 'site/none'])
  assert.is(code, 3, stderr)
})

test('what is here is listed, and the node tells how it is doing', async ({ testnet }) => {
  const [local] = await jsonOf(testnet, 'image', 'ls', '--local')
  assert.is(`${local.namespace}/${local.name}@${local.version}`, 'site/disk@1')
  assert.is(local.complete, true)
  const status = await jsonOf(testnet, 'node', 'status')
  assert.is(status.peer, testnet.nodes[0]?.peer)
  assert.ok(status.store.blocks > 0)
  assert.match((await testnet.cli(['node', 'status'])).stdout, /tracker +https:.*reachable/)
  assert.ok(Array.isArray(await jsonOf(testnet, 'node', 'peers')))
  assert.match((await testnet.cli(['node', 'peers'])).stdout, /^PEER +NODE +KIND/)
})

test('nothing fails at a node that runs', async ({ testnet }) => {
  const findings = await jsonOf(testnet, 'doctor', '--config', testnet.layout.config('node-1'))
  const states = new Map(findings.map(({ check, state }: { check: string; state: string }) => [check, state]))
  for (const check of ['certificate', 'tracker', 'clock', 'enrolment', 'data', 'ports'])
    assert.is(states.get(check), 'ok', check)
  assert.match(
    (await testnet.cli(['doctor', '--config', testnet.layout.config('node-1')])).stdout,
    /^ok +clock/m,
  )
})

test('every block of the store verifies', async ({ testnet }) => {
  const { blocks, corrupt } = await jsonOf(testnet, 'node', 'verify')
  assert.ok(blocks > 0)
  assert.is(corrupt, 0)
  assert.is((await jsonOf(testnet, 'image', 'verify', '--local', 'site/disk:1')).corrupt, 0)
})

test('space comes back when an image is removed here', async ({ testnet }) => {
  assert.is((await testnet.cli(['image', 'rm', '--local', 'site/disk'])).code, 0)
  assert.equal(await jsonOf(testnet, 'image', 'ls', '--local'), [])
  const dry = await jsonOf(testnet, 'node', 'gc', '--dry-run')
  assert.ok(dry.blocksDeleted > 0)
  assert.is((await jsonOf(testnet, 'node', 'gc')).blocksDeleted, dry.blocksDeleted)
  assert.is((await jsonOf(testnet, 'node', 'status')).store.blocks, 0)
})

test.run()
