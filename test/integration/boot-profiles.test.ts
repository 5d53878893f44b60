// deadline: 120 s
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { attachDisk, figuresOf, readRanges } from '../fixtures/boot-steps.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { failureOf } from '../fixtures/failure.ts'
import { until } from '../fixtures/hosts.ts'
import { jsonOf, pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const KiB = 1024
const REFERENCE = 'site/boots:1'
/** What a machine reads, in its order: 1.5 MiB. */
const BOOT = [
  { offset: 0, length: 4 * KiB },
  { offset: 16 * MiB, length: MiB },
  { offset: 17 * MiB, length: 256 * KiB },
  { offset: 8 * MiB + 512, length: KiB },
  { offset: 16 * MiB, length: 512 * KiB },
  { offset: 20 * MiB, length: 248 * KiB },
] as const
/** The same as a recording has it: whole pages, no byte twice. */
const RECORDED = [
  [0, 4 * KiB],
  [16 * MiB, MiB + 256 * KiB],
  [8 * MiB, 4 * KiB],
  [20 * MiB, 248 * KiB],
]
const RECORDED_BYTES = MiB + 512 * KiB

interface Context {
  dir: string
  bytes: Buffer
  testnet: Testnet
  first: NodeHandle
  second: NodeHandle
}

const test = suite<Context>('boot profiles')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-boots-'))
  const image = join(context.dir, 'disk.img')
  await writeDiskImage(image, 24 * MiB)
  context.bytes = await readFile(image)
  context.testnet = await createTestnet({ nodes: 2 })
  const [first, second] = context.testnet.nodes
  assert.ok(first && second)
  Object.assign(context, { first, second })
  await pushImage(context.testnet, image, REFERENCE)
})
test.after(async ({ testnet, dir }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

const attach = (node: NodeHandle) => attachDisk(node, { reference: REFERENCE })
const detach = (node: NodeHandle) => withNode(node, (client) => client.disks.detach('vm'))
const show = (testnet: Testnet) => testnet.cli(['image', 'profile', 'show', REFERENCE])

test('what a machine of one node read is there before another one reads it, on another node', async (context) => {
  const { testnet, first, second, bytes } = context
  const disk = await attach(first)
  const early = failureOf(withNode(first, (client) => client.disks.recordBoot('vm')))
  assert.is((await early).code, 'E_STATE')
  await readRanges(disk, BOOT, bytes)
  assert.is((await show(testnet)).code, 3)
  const recorded = await jsonOf(testnet, 'image', 'profile', 'record', 'vm')
  assert.equal([recorded.reads, recorded.bytes], [RECORDED.length, RECORDED_BYTES])
  assert.is((await figuresOf(first)).boot.profileBytes, 0)
  const shown = await jsonOf(testnet, 'image', 'profile', 'show', REFERENCE)
  const places = shown.reads.map(([offset, length]: number[]) => [offset, length])
  assert.equal([shown.recordings, places], [1, RECORDED])

  const other = await attach(second)
  await until(async () => (await figuresOf(second)).boot.fetchedBytes >= RECORDED_BYTES)
  await readRanges(other, BOOT, bytes)
  const { waits, boot } = await figuresOf(second)
  const { fetchedBytes, ...counted } = boot
  assert.equal(counted, {
    // of the page at 8 MiB one KiB was read
    ...{ profileBytes: RECORDED_BYTES, usedBytes: RECORDED_BYTES - 3 * KiB },
    ...{ reads: BOOT.length, hits: BOOT.length },
  })
  assert.is(waits, 0)
  assert.ok(fetchedBytes < 2 * RECORDED_BYTES)
})

test('it is kept for when the tracker is away', async ({ testnet, second, bytes }) => {
  await detach(second)
  await testnet.tracker.kill()
  try {
    const disk = await attach(second)
    await until(async () => (await figuresOf(second)).boot.profileBytes === RECORDED_BYTES)
    await readRanges(disk, BOOT, bytes)
    assert.is((await figuresOf(second)).waits, 0)
  } finally {
    await testnet.tracker.restart()
  }
})

test('a dropped profile is gone for who attaches next', async ({ testnet, second, bytes }) => {
  const dropped = await testnet.cli(['image', 'profile', 'drop', REFERENCE])
  assert.is(dropped.code, 0, dropped.stderr)
  assert.is((await show(testnet)).code, 3)
  await detach(second)
  await readRanges(await attach(second), [{ offset: 4 * MiB, length: 4 * KiB }], bytes)
  assert.is((await figuresOf(second)).boot.profileBytes, 0)
})

test.run()
