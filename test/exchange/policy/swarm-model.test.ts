import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RUN_BYTES_MAX } from '../../../src/core/limits.ts'
import { type ModelInit, SwarmModel } from '../../fixtures/swarm-model.ts'

const test = suite('swarm of policies')
/** 100 Mbit/s in bytes a millisecond. */
const RATE = 12_500

/** Time over the bound with links that are all alike, and the rest, of one run. */
function run(init: Omit<ModelInit, 'rate' | 'seed'>) {
  const result = new SwarmModel({ ...init, rate: RATE, seed: 1 }).run()
  return { ...result, overBound: result.lastMs / ((init.runs * RUN_BYTES_MAX) / RATE) }
}

test('eight nodes: close to the time of one GET, one copy from the origin, nothing twice', () => {
  const { overBound, originCopies, duplicateShare } = run({ nodes: 8, runs: 128 })
  assert.ok(overBound <= 1.1, `${overBound}`)
  assert.ok(originCopies <= 1.05, `${originCopies}`)
  assert.ok(duplicateShare <= 0.01, `${duplicateShare}`)
})

test('sixteen nodes and a small image', () => {
  const { overBound, originCopies } = run({ nodes: 16, runs: 64 })
  assert.ok(overBound <= 1.15, `${overBound}`)
  assert.ok(originCopies <= 1.05, `${originCopies}`)
})

test('two racks that share a link of a quarter of their sum: one copy a rack over it, in the time of that', () => {
  const racks = { of: (node: number) => node % 2, rate: RATE }
  const { overBound, crossCopies } = run({ nodes: 8, runs: 128, racks })
  assert.ok(crossCopies <= 1.1, `${crossCopies}`)
  assert.ok(overBound <= 1.2, `${overBound}`)
})

test('a peer that sends at 1 % of its rate does not keep what it was given from the others', () => {
  const { overBound, originCopies } = run({ nodes: 8, runs: 128, share: (node) => (node === 0 ? 0.01 : 1) })
  assert.ok(overBound <= 1.35, `${overBound}`)
  assert.ok(originCopies <= 1.15, `${originCopies}`)
})

test('those who join late get their share at once', () => {
  const { finishedMs } = run({ nodes: 12, runs: 64, joinMs: (node) => (node < 8 ? 0 : 4000) })
  assert.ok(Math.max(...finishedMs.slice(8)) < 4000 + 1.5 * ((64 * RUN_BYTES_MAX) / RATE), `${finishedMs}`)
})

test.run()
