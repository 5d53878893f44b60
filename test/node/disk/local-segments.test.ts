import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NotAuthorisedError } from '../../../src/core/errors.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { LAZY_REFERENCE, lazyImage, lazySite, putAll } from '../../fixtures/lazy-site.ts'
import { withScratch } from '../../fixtures/scratch.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const test = suite('segments of an image that are here')
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

test('a read that waits for a segment goes on by the one that is here by then, whoever has stored it', () =>
  withScratch(async (dir) => {
    const clock = new FakeClock(Date.now())
    const image = await lazyImage(seededRandom(7), 1)
    const site = await lazySite(join(dir, 'images'), image, { clock })
    const { nodes } = site.node
    await putAll(site.node, image)
    const disk = await site.opener.open(LAZY_REFERENCE, { name: 'vm', fill: false, onLoss: 'wait' })
    const links = image.manifest.segments.map(({ digest }) => digest)
    const segments = (await nodes.get(links)).filter((frame) => frame !== undefined)
    await nodes.delete(links)
    const state = { over: false }
    const { signal } = new AbortController()
    const read = Promise.resolve(disk.read(4096, 100, { signal }))
    void read.finally(() => Object.assign(state, { over: true })).catch(() => {})
    site.refusal = () => new NotAuthorisedError('not any more')
    await clock.advance(100)
    site.puller.stopAll(new NotAuthorisedError('not any more'))
    while (disk.trouble === undefined) await new Promise((resolve) => setImmediate(resolve))
    await nodes.put(segments)
    while (!state.over) {
      await clock.advance(10)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const [piece] = await read
    assert.ok(piece instanceof Uint8Array)
    assert.ok(image.bytes.subarray(4096, 4196).equals(piece))
    assert.is(disk.stats().errors, 0)
    await disk.close()
    await site.stop()
  }))

test.run()
