// deadline: 120 s
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { HoardView } from '../../src/api/hoard-schemas.ts'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { attachDisk, figuresOf, type Range, readRanges } from '../fixtures/boot-steps.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { metricsOf, seriesOf } from '../fixtures/metrics-text.ts'
import { pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const KiB = 1024
const SIZE = 4 * MiB
/** What a machine reads, in its order: 512 KiB. */
const BOOT: readonly Range[] = [
  { offset: 0, length: 4 * KiB },
  { offset: 3 * MiB, length: 256 * KiB },
  { offset: MiB, length: 252 * KiB },
]
const BOOT_BYTES = 512 * KiB
/** Two boots and a half. */
const BUDGET_BYTES = 1280 * KiB
const OPEN = ['one', 'two', 'three'] as const
const SECRET = 'kept/secret'

interface Context {
  dir: string
  images: Map<string, Buffer>
  testnet: Testnet
  /** Whose machines boot, and which may read everything. */
  first: NodeHandle
  /** Has a hoard, and may not read the secret. */
  node: NodeHandle
}

const test = suite<Context>('the hoard of a node')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-hoard-'))
  context.images = new Map()
  context.testnet = await createTestnet({
    nodes: 2,
    config: { nodes: { 1: { disk: { hoardBytes: BUDGET_BYTES } } } },
  })
  const { testnet } = context
  const [first, node] = testnet.nodes
  assert.ok(first && node)
  Object.assign(context, { first, node })
  await Promise.all([...OPEN.map((name) => `site/${name}`), SECRET].map((to) => push(context, to)))
  await done(testnet, 'acl', 'set', 'kept', `node:${first.name}=read`)
  for (const reference of [...OPEN.map((name) => `site/${name}`), SECRET]) await boot(context, reference)
})
test.after(async ({ testnet, dir }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

async function push({ dir, images, testnet }: Context, reference: string): Promise<void> {
  const path = join(dir, reference.replaceAll(/\W/g, '-'))
  images.set(reference, Buffer.alloc(0))
  await writeDiskImage(path, SIZE, images.size)
  images.set(reference, await readFile(path))
  await pushImage(testnet, path, reference)
}

async function done(testnet: Testnet, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await testnet.cli(argv, { context: 'node-2' })
  assert.is(code, 0, stderr)
  return stdout
}

/** A machine of the first node boots, and what it read becomes the profile. */
async function boot({ first, images }: Context, reference: string): Promise<void> {
  await readRanges(await attachDisk(first, { reference, name: 'vm' }), BOOT, images.get(reference))
  const { bytes } = await withNode(first, (client) => client.disks.recordBoot('vm'))
  assert.is(bytes, BOOT_BYTES)
  await withNode(first, (client) => client.disks.detach('vm', { force: true }))
}

const filledHoard = (node: NodeHandle) => withNode(node, (client) => client.hoard.fill())
const hoardOf = (node: NodeHandle) => withNode(node, (client) => client.hoard.get())
const readyOf = ({ images }: HoardView) => images.filter(({ ready }) => ready).map(({ image }) => image)
const localOf = async (node: NodeHandle) =>
  (await withNode(node, (client) => client.images())).map(({ name }) => name).sort()

/** Attaches what is kept, and reads it: nothing comes over the wire for it. */
async function bootHere({ node, images }: Context, name: string): Promise<void> {
  const reference = `site/${name}`
  await readRanges(await attachDisk(node, { reference, name }), BOOT, images.get(reference))
}

test('boots of images that it may attach are brought in, as far as there is room, and read without a peer', async (context) => {
  const { testnet, first, node } = context
  assert.equal(await localOf(node), [])
  const filled: HoardView = JSON.parse(await done(testnet, 'disk', 'hoard', '--fill', '-o', 'json'))
  const [kept = ''] = readyOf(filled)
  assert.is(readyOf(filled).length, 2, 'there is room for two')
  assert.not(
    filled.images.some(({ image }) => image === 'secret'),
    'what it may not read is not looked at',
  )
  assert.equal([filled.bytes, filled.budgetBytes, filled.evicted], [2 * BOOT_BYTES, BUDGET_BYTES, 0])
  assert.ok(filled.fetchedBytes >= 2 * BOOT_BYTES && filled.fetchedBytes < BUDGET_BYTES)
  assert.equal(await localOf(node), readyOf(filled).sort())

  await Promise.all([first.kill(), testnet.tracker.kill()])
  try {
    await bootHere(context, kept)
    const { waits, localShare, fetchedBytes, peerBytes, originBytes } = await figuresOf(node, kept)
    assert.equal([waits, localShare, fetchedBytes, peerBytes, originBytes], [0, 1, 0, 0, 0])
    await node.restart()
    const back = await hoardOf(node)
    assert.equal(readyOf(back).sort(), readyOf(filled).sort(), 'what is kept is known after a restart')
    assert.equal([back.bytes, back.fetchedBytes], [filled.bytes, 0])
    assert.ok(back.images[0]?.image === kept && back.images[0].attachedAt > 0)
  } finally {
    await Promise.all([first.restart(), testnet.tracker.restart()])
  }
  const looked = await filledHoard(node)
  assert.equal(readyOf(looked).sort(), readyOf(filled).sort(), 'it stays')
  assert.is(looked.fetchedBytes, 0, 'and is not fetched again')
})

test('what was attached longest ago gives way, and what somebody attached stays here all the same', async (context) => {
  const { testnet, node } = context
  const [kept = '', idle = ''] = (await hoardOf(node)).images.map(({ image }) => image)
  const late = OPEN.find((name) => name !== kept && name !== idle) ?? ''
  await bootHere(context, late)
  const second = await filledHoard(node)
  assert.equal(readyOf(second), [late, kept], `${idle} was never attached`)
  assert.equal([second.bytes, second.evicted], [2 * BOOT_BYTES, 1])
  assert.equal(await localOf(node), [kept, late].sort(), 'what the hoard alone had brought in is gone')

  await bootHere(context, idle)
  const third = await filledHoard(node)
  assert.equal(readyOf(third), [idle, late], `${kept} was attached longest ago`)
  assert.is(third.evicted, 2)
  assert.equal(await localOf(node), [...OPEN].sort(), 'what was attached is here')

  const metrics = await metricsOf(node.socket)
  assert.is(seriesOf(metrics, 'bootswarm_node_hoard_images'), 2)
  assert.is(seriesOf(metrics, 'bootswarm_node_hoard_bytes'), 2 * BOOT_BYTES)
  assert.is(seriesOf(metrics, 'bootswarm_node_hoard_budget_bytes'), BUDGET_BYTES)
  assert.is(seriesOf(metrics, 'bootswarm_node_hoard_evicted_total'), 2)
  const text = await done(testnet, 'disk', 'hoard')
  assert.match(text, /^budget +1\.3 MiB, 80 % of it used$/m)
  assert.match(text, new RegExp(`^site/${idle}@1 +site/${idle}:latest +512 KiB +ready +2`, 'm'))
})

test.run()
