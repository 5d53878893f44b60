import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { boundSeconds, figuresOf, median, medianRun } from '../../../testnet/compare/figures.ts'
import { comparedRun, comparedSystem, comparison } from '../../fixtures/comparison.ts'

const MiB = 1024 ** 2

test('figures are medians over the runs, and ratios over the GET of the same run', () => {
  const runs = [
    comparedRun([1, 4], { getSeconds: 2 }),
    comparedRun([1, 3], { getSeconds: 1 }),
    comparedRun([1, 9], { getSeconds: 9 }),
  ]
  const figures = figuresOf(comparedSystem({ runs }))
  assert.is(figures?.lastSeconds, 4)
  assert.is(figures?.medianSeconds, 2.5)
  assert.is(figures?.ratio, 2)
})

test('a copy is what a node received less duplicates', () => {
  const run = comparedRun([1, 2], {
    originSentBytes: 8 * MiB,
    duplicateBytes: 4 * MiB,
    crossRackBytes: 4 * MiB,
    furtherRackBytes: 2 * MiB,
  })
  const figures = figuresOf(comparedSystem({ runs: [run] }))
  assert.is(figures?.originCopies, 1)
  assert.is(figures?.duplicateShare, 0.2)
  assert.is(figures?.crossRackCopies, 0.5)
  assert.is(figures?.furtherRackCopies, 0.25)
  assert.is(figures?.peerShare, 0.25)
})

test('what a system does not count is not said to be nothing', () => {
  const figures = figuresOf(comparedSystem({ runs: [comparedRun([1, 2], { duplicateBytes: undefined })] }))
  assert.is(figures?.duplicateShare, undefined)
  assert.is(figures?.crossRackCopies, undefined)
})

test('a system without a finished run has no figures', () => {
  assert.is(figuresOf(comparedSystem({ runs: [] })), undefined)
})

test('one run whose files differ counts for all', () => {
  const runs = [comparedRun([1, 2]), comparedRun([1, 2], { verified: 1 })]
  assert.is(figuresOf(comparedSystem({ runs }))?.verified, 1)
})

test('plots show the run whose last node is the median', () => {
  const runs = [comparedRun([1, 9]), comparedRun([1, 2]), comparedRun([1, 5])]
  assert.is(medianRun(comparedSystem({ runs })), runs[2])
  assert.is(medianRun(comparedSystem({ runs: [] })), undefined)
})

test('the bound is that of the network alone', () => {
  const report = comparison([], { nodes: 8, imageBytes: 100e6 / 8, rateBitsPerSecond: 100e6 })
  assert.is(boundSeconds(report), 1)
})

test('median of an even number is the mean of the middle two', () => {
  assert.is(median([4, 1, 3, 2]), 2.5)
  assert.is(median([3]), 3)
})

test.run()
