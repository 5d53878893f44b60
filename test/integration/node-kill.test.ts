import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { ByteGate } from '../fixtures/byte-gate.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { failureOf } from '../fixtures/failure.ts'
import { assertExportIs, pushImage, startPull, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const REFERENCE = 'days/disk:v1'
const test = suite<{ dir: string; gates: ByteGate[]; testnet: Testnet }>('kill -9 of a node in mid-pull')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-kill-'))
  const [tracker, node] = [await ByteGate.make(), await ByteGate.make()]
  context.gates = [tracker, node]
  context.testnet = await createTestnet({
    nodes: 1,
    links: { tracker: tracker.link, nodes: { 0: node.link } },
  })
})

test.after(async ({ dir, gates, testnet }) => {
  await testnet.destroy()
  for (const gate of gates) await gate.close()
  await rm(dir, { recursive: true })
})

test('resumes after a restart and fetches nothing again that it had', async ({ dir, gates, testnet }) => {
  const image = join(dir, 'disk.img')
  await writeDiskImage(image, 40 * MiB)
  await pushImage(testnet, image, REFERENCE)
  const [node] = testnet.nodes
  assert.ok(node)

  const held = Promise.race(gates.map((gate) => gate.hold(8 * MiB)))
  const pull = startPull(node, REFERENCE)
  await held
  const seen = await pull.until(({ blocks }) => blocks.fetched > 0)
  assert.ok(seen.blocks.fetched < seen.blocks.total, 'it was stopped in its middle')
  await node.kill('SIGKILL')
  assert.is((await failureOf(pull.result)).code, 'E_UNREACHABLE')

  for (const gate of gates) gate.open()
  await node.restart()
  const before = await withNode(node, (client) => client.status())
  assert.ok(before.store.blocks >= seen.blocks.fetched, 'what it reported as fetched survived')
  const result = await withNode(node, (client) => client.pull(REFERENCE))
  const after = await withNode(node, (client) => client.status())

  assert.is(result.blocks.local, before.store.blocks)
  assert.is(result.blocks.fetched, after.store.blocks - before.store.blocks)
  assert.is(result.blocks.local + result.blocks.fetched, result.blocks.total)
  assert.is(result.bytes.local + result.bytes.fetchedUncompressed, result.bytes.image)
  const verified = await withNode(node, (client) => client.verify())
  assert.is(verified.corrupt, 0)
  await assertExportIs(node, REFERENCE, image)
})

test.run()
