import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PeerKey } from '../../../src/core/router.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { Collector } from '../../../tracker/uploads/collector.ts'
import { Gate } from '../../../tracker/uploads/gate.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { testImage } from '../../fixtures/test-image.ts'

const test = suite('collector')

/** Its compactions last until the test ends them. */
class SlowStore extends MemoryStore {
  readonly compactions: (() => void)[] = []

  async compact(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.compactions.push(resolve)
    await promise
  }
}

test('collections that are asked for at once run one after the other', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bootswarm-collector-'))
  const catalog = await openTestCatalog({ dir })
  const clock = new FakeClock()
  const blocks = new SlowStore()
  const parts = { catalog, blocks, nodes: new MemoryStore(), gate: new Gate(), clock }
  const collector = new Collector({ ...parts, serveOnly: () => {}, self: 'self' as PeerKey })
  const { blocks: garbage } = testImage({ seed: 'garbage', blocks: 3 })
  await blocks.put(garbage)
  const first = collector.collect()
  const second = collector.collect()
  while (blocks.compactions.length === 0) await clock.advance(0)
  await clock.advance(0)
  assert.is(blocks.compactions.length, 1)
  blocks.compactions[0]?.()
  assert.is((await first).blocksDeleted, garbage.length)
  while (blocks.compactions.length === 1) await clock.advance(0)
  blocks.compactions[1]?.()
  assert.is((await second).blocksDeleted, 0)
  await catalog.close()
  await rm(dir, { recursive: true })
})

test.run()
