// deadline: 120 s
import { mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { until } from '../fixtures/hosts.ts'
import { metricsOf, seriesOf } from '../fixtures/metrics-text.ts'
import { assertExportIs, pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const REFERENCE = 'site/disk'
const test = suite('packs of a node that serves')

test('a node whose packs were cut short serves what it has, and fetches the rest again', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bs-cut-'))
  const testnet = await createTestnet({ nodes: 2 })
  try {
    const [holder, other] = testnet.nodes
    assert.ok(holder && other)
    const image = join(dir, 'disk.img')
    await writeDiskImage(image, 12 * MiB)
    await pushImage(testnet, image, REFERENCE)
    await withNode(holder, (client) => client.pull(REFERENCE))
    const packs = join(testnet.layout.data(holder.name), 'blocks', 'packs')
    for (const name of await readdir(packs)) {
      const path = join(packs, name)
      await truncate(path, Math.floor((await stat(path)).size / 2))
    }
    await withNode(other, (client) => client.pull(REFERENCE))
    await assertExportIs(other, REFERENCE, image)
    const damaged = seriesOf(await metricsOf(holder.socket), 'bootswarm_node_served_damaged_blocks_total')
    assert.ok(damaged > 0, `${damaged} damaged blocks were counted`)
    await until(async () => {
      const text = await readFile(testnet.layout.log(holder.name), 'utf8')
      return text.includes('resumed and completed an image')
    })
    // What no peer has asked for is found by who looks for it.
    await withNode(holder, (client) => client.verify())
    await withNode(holder, (client) => client.pull(REFERENCE))
    await assertExportIs(holder, REFERENCE, image)
  } finally {
    await testnet.destroy()
    await rm(dir, { recursive: true })
  }
})

test.run()
