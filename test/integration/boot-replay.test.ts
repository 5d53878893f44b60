// deadline: 120 s
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DiskObject } from '../../src/api/disk-schemas.ts'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { until } from '../fixtures/hosts.ts'
import { NbdClient, requestBytes } from '../fixtures/nbd-client.ts'
import { pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const SIZE = 24 * MiB
const REFERENCE = 'site/boots:1'
/** What a machine reads, in its order: 1.5 MiB. */
const BOOT = [
  { offset: 0, length: 4096 },
  { offset: 8 * MiB, length: MiB },
  { offset: 2 * MiB, length: 256 * 1024 },
  { offset: 8 * MiB, length: 512 * 1024 },
  { offset: 20 * MiB, length: 256 * 1024 },
] as const

interface Context {
  dir: string
  bytes: Buffer
  testnet: Testnet
}

const test = suite<Context>('boots that others have recorded')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-boots-'))
  const image = join(context.dir, 'disk.img')
  await writeDiskImage(image, SIZE)
  context.bytes = await readFile(image)
  context.testnet = await createTestnet({ nodes: 2 })
  await pushImage(context.testnet, image, REFERENCE)
})

test.after(async ({ testnet, dir }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

function nodeOf({ testnet }: Context, index: number): NodeHandle {
  const node = testnet.nodes[index]
  assert.ok(node)
  return node
}

const attach = (node: NodeHandle) =>
  withNode(node, (client) => client.disks.attach({ reference: REFERENCE, fill: false, name: 'vm' }))

const figuresOf = async (node: NodeHandle) => {
  const { figures } = await withNode(node, (client) => client.disks.get('vm'))
  assert.ok(figures)
  return figures
}

/** Reads what a machine reads while it boots. */
async function boot({ bytes }: Context, disk: DiskObject): Promise<void> {
  const client = await NbdClient.serving(disk.socket, { name: disk.export })
  for (const { offset, length } of BOOT) {
    client.send(requestBytes({ command: 0, offset: BigInt(offset), length }))
    const { data } = await client.chunk()
    assert.ok(data.subarray(8).equals(bytes.subarray(offset, offset + length)))
  }
  client.socket.destroy()
}

test('what one machine has read is there before another one reads it, on another node', async (context) => {
  const [first, second] = [nodeOf(context, 0), nodeOf(context, 1)]
  const early = await withNode(first, async (client) => {
    await client.disks.attach({ reference: REFERENCE, fill: false, name: 'vm' })
    return await client.disks.recordBoot('vm').catch((error: { code?: string }) => error.code)
  })
  assert.is(early, 'E_STATE')
  await boot(context, await attach(first))
  const recorded = await withNode(first, (client) => client.disks.recordBoot('vm'))
  assert.is(recorded.bytes, 4096 + MiB + 512 * 1024)
  assert.is((await figuresOf(first)).boot.profileBytes, 0)

  const disk = await attach(second)
  await until(async () => (await figuresOf(second)).boot.fetchedBytes >= recorded.bytes, 20_000)
  const before = await figuresOf(second)
  assert.is(before.boot.profileBytes, recorded.bytes)
  await boot(context, disk)
  const after = await figuresOf(second)
  assert.equal(
    { ...after.boot, fetchedBytes: 0 },
    {
      ...{ profileBytes: recorded.bytes, usedBytes: recorded.bytes, fetchedBytes: 0 },
      ...{ reads: BOOT.length, hits: BOOT.length },
    },
  )
  assert.is(after.waits, 0)
  assert.ok(after.boot.fetchedBytes < 2 * recorded.bytes)
})

test('the profile is kept for when the tracker is away', async (context) => {
  const second = nodeOf(context, 1)
  await withNode(second, (client) => client.disks.detach('vm', { force: true }))
  await context.testnet.tracker.kill('SIGKILL')
  const disk = await attach(second)
  await until(async () => (await figuresOf(second)).boot.profileBytes > 0, 20_000)
  await boot(context, disk)
  assert.is((await figuresOf(second)).waits, 0)
})

test.run()
