import * as assert from 'uvu/assert'
import { RELATED_CANDIDATES_MAX } from '../../../src/core/registry-limits.ts'
import { commit, manifestOf, type On } from './steps.ts'

const values = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => 2 ** 47 + from + i)

/** Samples of the blocks of manifests. */
export function sketchTests(on: On): void {
  on('a sketch is kept once, and those like it are found, the nearest first', async ({ catalog, other }) => {
    const { sketches } = catalog
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(manifestOf)
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new TypeError()
    await sketches.put(a, values(0, 100))
    await sketches.put(a, values(500, 510))
    assert.equal(await other.sketches.get(a), values(0, 100))
    assert.is(await sketches.get(b), undefined)
    await sketches.put(b, values(90, 190))
    await sketches.put(c, values(50, 150))
    await sketches.put(d, values(300, 400))
    await sketches.put(manifestOf('empty'), [])
    const like = await other.sketches.like(a, values(0, 100))
    assert.equal(new Set(like.map(({ manifest }) => manifest)), new Set([b, c]))
    assert.equal(like.find(({ manifest }) => manifest === c)?.sketch, values(50, 150))
    assert.equal(await sketches.like(manifestOf('empty'), []), [])
  })

  on('no more are looked at than there may be', async ({ catalog }) => {
    for (let i = 0; i < RELATED_CANDIDATES_MAX + 3; i++)
      await catalog.sketches.put(manifestOf(`m${i}`), values(0, i + 1))
    const like = await catalog.sketches.like(manifestOf('x'), values(0, 100))
    assert.is(like.length, RELATED_CANDIDATES_MAX)
    assert.not(
      like.some(({ manifest }) => manifest === manifestOf('m0')),
      'the one with least in common',
    )
  })

  on(
    'manifests of versions are found that have none, and those that no version has are forgotten',
    async ({ catalog }) => {
      const { sketches } = catalog
      const kept = manifestOf('kept')
      await commit(catalog, { manifest: kept })
      const all = [kept, ...['x', 'y', 'z'].map(manifestOf)].sort()
      for (const manifest of all.filter((one) => one !== kept)) await commit(catalog, { manifest })
      assert.equal(await sketches.lacking({ rowsMax: 10 }), all)
      assert.equal(await sketches.lacking({ rowsMax: 2 }), all.slice(0, 2))
      assert.equal(await sketches.lacking({ after: all[1], rowsMax: 2 }), all.slice(2))
      for (const manifest of all.filter((one) => one !== kept)) await sketches.put(manifest, [])
      assert.equal(await sketches.lacking({ rowsMax: 10 }), [kept])
      await sketches.put(kept, values(0, 3))
      await sketches.put(manifestOf('gone'), values(0, 3))
      assert.equal(await sketches.lacking({ rowsMax: 10 }), [])
      assert.is(await sketches.prune(), 1)
      assert.is(await sketches.get(manifestOf('gone')), undefined)
      assert.equal(await sketches.like(manifestOf('x'), values(0, 3)), [
        { manifest: kept, sketch: values(0, 3) },
      ])
    },
  )
}
