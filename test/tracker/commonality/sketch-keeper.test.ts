import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ManifestId } from '../../../src/core/cid.ts'
import { StorageError } from '../../../src/core/errors.ts'
import { silentLog } from '../../../src/core/log.ts'
import { SKETCH_INTERVAL_MS } from '../../../src/core/registry-limits.ts'
import type { Sketch } from '../../../src/core/sketch.ts'
import { SketchKeeper } from '../../../tracker/commonality/sketch-keeper.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('sketch keeper')

/** A keeper over manifests that are in `lacking`; `fails` makes the next samples fail, `elsewhere` has those of other trackers. */
function setUp() {
  const clock = new FakeClock()
  const it = {
    lacking: [] as string[],
    elsewhere: new Set<string>(),
    made: [] as string[],
    fails: 0,
    pruned: 0,
  }
  const sketches = {
    lacking: async ({ rowsMax }: { rowsMax: number }) => it.lacking.slice(0, rowsMax) as ManifestId[],
    prune: async () => ++it.pruned,
  }
  const commonality = {
    async sketch(manifest: ManifestId): Promise<Sketch | undefined> {
      if (it.fails-- > 0) throw new StorageError('no')
      if (it.elsewhere.has(manifest)) return undefined
      it.made.push(manifest)
      it.lacking = it.lacking.filter((one) => one !== manifest)
      return []
    },
  }
  const components = { catalog: { sketches }, commonality, clock, log: silentLog }
  const keeper = new SketchKeeper(components as unknown as ConstructorParameters<typeof SketchKeeper>[0])
  return { it, clock, keeper }
}

test('images that are there at the start are sampled, all of them, and then what is gone is forgotten', async () => {
  const { it, clock, keeper } = setUp()
  it.lacking = Array.from({ length: 40 }, (_, i) => `m${i}`)
  await clock.advance(2000)
  assert.is(it.made.length, 40)
  await clock.advance(SKETCH_INTERVAL_MS)
  assert.ok(it.pruned > 0)
  await keeper.stop()
})

test('an image that comes is sampled soon after somebody says so', async () => {
  const { it, clock, keeper } = setUp()
  await clock.advance(1000)
  it.lacking = ['new']
  keeper.wake()
  keeper.wake()
  await clock.advance(500)
  assert.equal(it.made, ['new'])
  await keeper.stop()
})

test('a failure, or images of another tracker, hold nobody up', async () => {
  const { it, clock, keeper } = setUp()
  it.lacking = ['there', 'here']
  it.elsewhere.add('there')
  it.fails = 1
  await clock.advance(500)
  assert.equal(it.made, [])
  await clock.advance(SKETCH_INTERVAL_MS)
  assert.equal(it.made, ['here'])
  await keeper.stop()
})

test.run()
