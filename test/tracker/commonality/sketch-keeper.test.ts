import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ManifestId } from '../../../src/core/cid.ts'
import { IntegrityError } from '../../../src/core/errors.ts'
import { silentLog } from '../../../src/core/log.ts'
import { SKETCH_INTERVAL_MS } from '../../../src/core/registry-limits.ts'
import type { Sketch } from '../../../src/core/sketch.ts'
import { SketchKeeper } from '../../../tracker/commonality/sketch-keeper.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('sketch keeper')

/** A keeper over manifests that are in `lacking`; those that are `damaged` fail, `elsewhere` has those of other trackers. */
function setUp() {
  const clock = new FakeClock()
  const it = {
    lacking: [] as string[],
    elsewhere: new Set<string>(),
    made: [] as string[],
    damaged: new Set<string>(),
    pruned: 0,
    asked: 0,
  }
  const sketches = {
    lacking: async ({ after = '', rowsMax }: { after?: string; rowsMax: number }) =>
      it.lacking
        .filter((one) => one > after)
        .sort()
        .slice(0, rowsMax) as ManifestId[],
    prune: async () => ++it.pruned,
  }
  const commonality = {
    async sketch(manifest: ManifestId): Promise<Sketch | undefined> {
      it.asked++
      if (it.damaged.has(manifest)) throw new IntegrityError('no')
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

test('damaged images, or those of another tracker, hold nobody up, however many', async () => {
  const { it, clock, keeper } = setUp()
  const names = (of: string) => Array.from({ length: 40 }, (_, i) => `${of}${i}`)
  it.lacking = [...names('a'), ...names('b'), 'c', 'd']
  it.damaged = new Set([...names('a'), 'c'])
  it.elsewhere = new Set(names('b'))
  await clock.advance(2000)
  assert.equal(it.made, ['d'])
  assert.is(it.asked, 82)
  assert.ok(it.pruned > 0)
  it.damaged.delete('a7')
  await clock.advance(SKETCH_INTERVAL_MS + 2000)
  assert.equal(it.made, ['d', 'a7'])
  assert.is(it.asked, 163, 'each once in a pass')
  await keeper.stop()
})

test('what comes while others are looked at is sampled after them', async () => {
  const { it, clock, keeper } = setUp()
  it.lacking = Array.from({ length: 20 }, (_, i) => `m${i}`)
  it.elsewhere = new Set(it.lacking)
  await clock.advance(1)
  assert.is(it.asked, 16)
  it.lacking.push('a')
  keeper.wake()
  await clock.advance(1000)
  assert.equal(it.made, ['a'])
  await keeper.stop()
})

test.run()
