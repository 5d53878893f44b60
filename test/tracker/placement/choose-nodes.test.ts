import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Candidate, chooseNodes, hasLabels } from '../../../tracker/placement/choose-nodes.ts'

const test = suite('choice of nodes')

const node = (name: string, rack: string, more: Partial<Candidate> = {}): Candidate => ({
  ...{ name, labels: { zone: 'z', rack }, seenAtMs: 1000, holds: false },
  ...more,
})
const site = (racks: number, each: number) =>
  Array.from({ length: racks * each }, (_, i) => node(`n${i}`, `r${i % racks}`))
const racksOf = (nodes: readonly Candidate[]) => nodes.map(({ labels }) => labels['rack'])

test('copies are in as many racks as there can be', () => {
  const chosen = chooseNodes(site(4, 10), { copies: 8, salt: 's', recentMs: 0 })
  assert.is(new Set(chosen.map(({ name }) => name)).size, 8)
  for (const four of [chosen.slice(0, 4), chosen.slice(4)]) assert.is(new Set(racksOf(four)).size, 4)
})

test('in a rack holders come first, then who was seen lately', () => {
  const nodes = [
    node('lost', 'a', { seenAtMs: null }),
    node('old', 'a', { seenAtMs: 10 }),
    node('new', 'a', { seenAtMs: 99 }),
    node('has', 'a', { seenAtMs: 10, holds: true }),
  ]
  const chosen = chooseNodes(nodes, { salt: 's', recentMs: 50 }).map(({ name }) => name)
  assert.equal(chosen.slice(0, 2), ['has', 'new'])
  assert.equal(chosen.slice(2).sort(), ['lost', 'old'])
})

test('the same question has the same answer, and another image goes to other nodes', () => {
  const ask = (salt: string, nodes = site(2, 50)) =>
    chooseNodes(nodes, { copies: 10, salt, recentMs: 0 }).map(({ name }) => name)
  assert.equal(ask('one'), ask('one', site(2, 50).reverse()))
  assert.is.not(ask('one').join(), ask('two').join())
})

test('a node must have all labels', () => {
  assert.ok(hasLabels({ zone: 'a', rack: '1' }, { zone: 'a' }))
  assert.ok(hasLabels({}, {}))
  assert.not(hasLabels({ zone: 'a' }, { zone: 'a', rack: '1' }))
})

test.run()
