import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Testnet } from '../../testnet/handles.ts'
import { changedCopy } from '../../testnet/images/changed-copy.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { ByteGate } from '../fixtures/byte-gate.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { assertExportIs, pushImage, startPull, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const test = suite<{ dir: string; gate: ByteGate; testnet: Testnet }>('related images with real nodes')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-related-'))
  context.gate = await ByteGate.make()
  context.testnet = await createTestnet({ nodes: 2, links: { tracker: context.gate.link } })
})
test.after(async ({ dir, gate, testnet }) => {
  await testnet?.destroy()
  await gate?.close()
  await rm(dir, { recursive: true })
})

test('a node fetches from one that has an older image what the new one has in common with it', async (context) => {
  const { dir, gate, testnet } = context
  const [has, asks] = testnet.nodes
  if (has === undefined || asks === undefined) throw new TypeError()
  const [old, next] = [join(dir, 'old.img'), join(dir, 'next.img')]
  await writeDiskImage(old, 48 * MiB)
  await changedCopy({ source: old, target: next, seed: 1 })
  await pushImage(testnet, old, 'site/old:1')
  await withNode(has, (client) => client.pull('site/old:1'))
  await pushImage(testnet, next, 'site/next:1')

  // Enough for manifest and segments; what comes after it cannot come from the origin.
  void gate.hold(1 * MiB)
  const pull = startPull(asks, 'site/next:1')
  await pull.until(({ bytes }) => bytes.wireFromPeers > 4 * MiB)
  gate.open()
  const { bytes } = await pull.result
  assert.ok(bytes.wireFromPeers > 4 * MiB)
  assert.ok(bytes.wireFromOrigin > 0, 'what is new is there alone')
  await assertExportIs(asks, 'site/next:1', next)
})

test.run()
