// deadline: 120 s
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DiskObject } from '../../src/api/disk-schemas.ts'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeRandomImage } from '../fixtures/disk-image.ts'
import { until } from '../fixtures/hosts.ts'
import { NbdClient, requestBytes } from '../fixtures/nbd-client.ts'
import { pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const KiB = 1024
const REFERENCE = 'site/boots:1'

interface Context {
  dir: string
  testnet: Testnet
  first: NodeHandle
  second: NodeHandle
}

const test = suite<Context>('boot profiles')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-boots-'))
  const image = join(context.dir, 'disk.img')
  await writeRandomImage(image, 24 * MiB)
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

const attach = (node: NodeHandle) =>
  withNode(node, (client) => client.disks.attach({ reference: REFERENCE, fill: false, name: 'vm' }))
const detach = (node: NodeHandle) => withNode(node, (client) => client.disks.detach('vm'))
const bootOf = async (node: NodeHandle) => {
  const { figures } = await withNode(node, (client) => client.disks.get('vm'))
  assert.ok(figures)
  return figures.boot
}

/** Reads as a machine would, one after the other. */
async function boot({ socket, export: name }: DiskObject, reads: readonly (readonly [number, number])[]) {
  const client = await NbdClient.serving(socket, { name })
  try {
    for (const [offset, length] of reads) {
      client.send(requestBytes({ command: 0, offset: BigInt(offset), length }))
      while (!(await client.chunk()).isLast);
    }
  } finally {
    client.socket.destroy()
  }
}

async function profile(testnet: Testnet, verb: string, ...more: string[]) {
  const { code, stdout, stderr } = await testnet.cli(['image', 'profile', verb, ...more])
  return { code, stdout, stderr }
}

test('what a machine of one node read is fetched first at another, also when the tracker is away', async (context) => {
  const { testnet, first, second } = context
  await boot(await attach(first), [
    [0, 4 * KiB],
    [16 * MiB, 64 * KiB],
    [16 * MiB + 64 * KiB, 64 * KiB],
    [8 * MiB + 512, 1024],
    [16 * MiB, 128 * KiB],
  ])
  assert.is((await profile(testnet, 'show', REFERENCE)).code, 3)
  const recorded = await profile(testnet, 'record', 'vm', '-o', 'json')
  assert.is(recorded.code, 0, recorded.stderr)
  assert.equal([JSON.parse(recorded.stdout).reads, JSON.parse(recorded.stdout).bytes], [3, 136 * KiB])
  const shown = JSON.parse((await profile(testnet, 'show', REFERENCE, '-o', 'json')).stdout)
  assert.is(shown.recordings, 1)
  assert.equal(
    shown.reads.map(([offset, length]: number[]) => [offset, length]),
    [
      [0, 4 * KiB],
      [16 * MiB, 128 * KiB],
      [8 * MiB, 4 * KiB],
    ],
  )

  const disk = await attach(second)
  await until(async () => (await bootOf(second)).fetchedBytes >= 136 * KiB)
  assert.is((await bootOf(second)).profileBytes, 136 * KiB)
  await boot(disk, [[16 * MiB, 128 * KiB]])
  const { reads, hits, usedBytes } = await bootOf(second)
  assert.equal([reads, hits, usedBytes], [1, 1, 128 * KiB])

  await detach(second)
  await testnet.tracker.kill()
  try {
    await attach(second)
    await until(async () => (await bootOf(second)).profileBytes === 136 * KiB)
  } finally {
    await testnet.tracker.restart()
  }
})

test('a dropped profile is gone for who attaches next', async ({ testnet, second }) => {
  const dropped = await profile(testnet, 'drop', REFERENCE)
  assert.is(dropped.code, 0, dropped.stderr)
  assert.is((await profile(testnet, 'show', REFERENCE)).code, 3)
  await detach(second)
  await boot(await attach(second), [[4 * MiB, 4 * KiB]])
  assert.is((await bootOf(second)).profileBytes, 0)
})

test.run()
