// deadline: 240 s
// mostly waits
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { ByteGate } from '../fixtures/byte-gate.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { until } from '../fixtures/hosts.ts'
import { metricsOf, seriesOf } from '../fixtures/metrics-text.ts'
import { assertExportIs, pushImage, startPull, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const REFERENCE = 'days/disk:v1'
const test = suite<{ dir: string; gates: ByteGate[]; testnet: Testnet }>('restarts while the tracker is away')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-away-'))
  const gates = await Promise.all(Array.from({ length: 4 }, () => ByteGate.make()))
  const [tracker, ...nodes] = gates.map(({ link }) => link)
  assert.ok(tracker)
  context.gates = gates
  context.testnet = await createTestnet({
    nodes: 3,
    links: { tracker, nodes: { ...nodes } },
    // Passes and grants end while the tracker is away: they count for the grace period.
    config: { tracker: { grants: { lifetimeSeconds: 30 } } },
  })
})

test.after(async ({ dir, gates, testnet }) => {
  await testnet?.destroy()
  for (const gate of gates) await gate.close()
  await rm(dir, { recursive: true })
})

test('an interrupted pull goes on, from peers that the DHT alone knows', async (context) => {
  const { dir, gates, testnet } = context
  const image = join(dir, 'disk.img')
  await writeDiskImage(image, 60 * MiB)
  await pushImage(testnet, image, REFERENCE)
  const [first, second, third] = testnet.nodes
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  for (const node of [first, second]) await withNode(node, (client) => client.pull(REFERENCE))
  // What is complete is told to the DHT before the tracker goes; peers are kept on disk.
  await until(async () => (await figure(first, 'bootswarm_node_dht_provides_total')) > 0, 60_000)
  await until(async () => (await figure(second, 'bootswarm_node_dht_provides_total')) > 0, 60_000)

  const held = Promise.race(gates.map((gate) => gate.hold(3 * MiB)))
  const pull = startPull(third, REFERENCE)
  await held
  await pull.until(({ blocks }) => blocks.fetched > 0)
  await until(async () => {
    const known = await readFile(join(testnet.layout.data(third.name), 'peers.json'), 'utf8').catch(
      () => '[]',
    )
    return known.includes(first.peer) || known.includes(second.peer)
  }, 60_000)
  await testnet.tracker.kill('SIGKILL')
  for (const node of testnet.nodes) await node.kill('SIGKILL')
  assert.ok(await failed(pull.result), 'the node that pulled is dead')
  for (const gate of gates) gate.open()

  for (const node of testnet.nodes) await node.restart()
  const isHere = () =>
    withNode(third, async (client) => (await client.images()).some(({ complete }) => complete))
  await until(isHere, 120_000)
  await assertExportIs(third, REFERENCE, image)
  assert.is(await figure(third, 'bootswarm_node_exchange_received_bytes_total{source="origin"}'), 0)
  assert.ok((await figure(third, 'bootswarm_node_exchange_received_bytes_total{source="peer"}')) > MiB)
  assert.not(testnet.tracker.alive())
})

test('what a restart needs is for the owner of the node alone', async ({ testnet }) => {
  for (const { name } of testnet.nodes) {
    for (const file of ['pass.jwt', 'peers.json', 'peer.key', join('images', 'days', 'disk', '1.json')]) {
      const { mode } = await stat(join(testnet.layout.data(name), file))
      assert.is(mode & 0o077, 0, `${name}/${file}`)
    }
  }
})

async function failed(result: Promise<unknown>): Promise<boolean> {
  return await result.then(
    () => false,
    () => true,
  )
}

/** A series of a node's metrics, as Prometheus would read it. */
async function figure({ socket }: Testnet['nodes'][number], series: string): Promise<number> {
  return seriesOf(await metricsOf(socket), series)
}

test.run()
