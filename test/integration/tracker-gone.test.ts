// mostly waits
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { ByteGate } from '../fixtures/byte-gate.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { assertExportIs, pushImage, startPull, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const REFERENCE = 'days/disk:v1'
const test = suite<{ dir: string; gates: ByteGate[]; testnet: Testnet }>(
  'kill -9 of the tracker in mid-swarm',
)

/** A gate before every peer: whoever opens a connection, it passes one of them. */
test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-gone-'))
  const gates = [
    await ByteGate.make(),
    await ByteGate.make(),
    await ByteGate.make(),
    await ByteGate.make(),
  ] as const
  const [tracker, a, b, c] = gates
  context.gates = [...gates]
  context.testnet = await createTestnet({
    nodes: 3,
    links: { tracker: tracker.link, nodes: { 0: a.link, 1: b.link, 2: c.link } },
  })
})

test.after(async ({ dir, gates, testnet }) => {
  await testnet.destroy()
  for (const gate of gates) await gate.close()
  await rm(dir, { recursive: true })
})

test('all nodes finish from each other, because every run is held by one of them', async (context) => {
  const { dir, gates, testnet } = context
  const image = join(dir, 'disk.img')
  await writeDiskImage(image, 60 * MiB)
  await pushImage(testnet, image, REFERENCE)
  const [first, ...others] = testnet.nodes
  assert.ok(first)
  await withNode(first, (client) => client.pull(REFERENCE))

  const held = Promise.race(gates.map((gate) => gate.hold(3 * MiB)))
  const pulls = others.map((node) => startPull(node, REFERENCE))
  await held
  await Promise.any(pulls.map((pull) => pull.until(({ blocks }) => blocks.fetched > 0)))
  for (const pull of pulls) {
    const { state } = await pull.until((progress) => progress.state !== 'joining')
    assert.is.not(state, 'complete', 'it was stopped in its middle')
  }
  await testnet.tracker.kill('SIGKILL')
  for (const gate of gates) gate.open()

  for (const [i, pull] of pulls.entries()) {
    const result = await pull.result
    assert.is(result.blocks.fetched, result.blocks.total)
    assert.ok(result.bytes.wireFromPeers > result.bytes.wireFromOrigin)
    const node = others[i]
    assert.ok(node)
    await assertExportIs(node, REFERENCE, image)
  }
  assert.not(testnet.tracker.alive())
})

test.run()
