import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { IntegrityError, StorageFullError } from '../../../src/core/errors.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { holderOf, LAZY_REFERENCE, lazyImage, lazySite, putAll } from '../../fixtures/lazy-site.ts'
import { withScratch } from '../../fixtures/scratch.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const test = suite('blocks of an image, opened')
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

test('a damaged block that the store has no room to forget is waited for', () =>
  withScratch(async (dir) => {
    const clock = new FakeClock(Date.now())
    const image = await lazyImage(seededRandom(7), 1)
    const site = await lazySite(join(dir, 'images'), image, { clock })
    const { blocks } = site.node
    await putAll(site.node, image)
    const origin = await holderOf(site, image, { name: 'origin', origin: true, clock })
    site.peers = [origin.address]
    const disk = await site.opener.open(LAZY_REFERENCE, { name: 'vm', fill: false, onLoss: 'wait' })
    const [get, remove] = [blocks.get.bind(blocks), blocks.delete.bind(blocks)]
    let tries = 0
    blocks.get = async (digests) => {
      if (tries < 3) throw new IntegrityError('damaged')
      return await get(digests)
    }
    blocks.delete = async (digests) => {
      if (++tries < 3) throw new StorageFullError('the index is full')
      await remove(digests)
    }
    const state = { over: false }
    const { signal } = new AbortController()
    const read = Promise.resolve(disk.read(4096, 100, { signal }))
    void read.finally(() => Object.assign(state, { over: true })).catch(() => {})
    while (!state.over) {
      await clock.advance(10)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const [piece] = await read
    assert.ok(piece instanceof Uint8Array)
    assert.ok(image.bytes.subarray(4096, 4196).equals(piece))
    assert.is(tries, 3)
    assert.equal([disk.stats().damagedBlocks, disk.stats().errors], [1, 0])
    await disk.close()
    await site.stop()
    await origin.exchange.stop()
  }))

test.run()
