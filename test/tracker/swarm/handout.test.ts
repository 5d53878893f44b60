import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PeerAddress, PeerKey } from '../../../src/core/router.ts'
import { chooseHandout } from '../../../tracker/swarm/handout.ts'

const test = suite('handout')

function peers(count: number, labelsOf: (n: number) => Record<string, string>): PeerAddress[] {
  return Array.from({ length: count }, (_, n) => ({
    peer: `p${n}` as PeerKey,
    addresses: [],
    labels: labelsOf(n),
  }))
}
const count = (chosen: PeerAddress[], name: string, value: string) =>
  chosen.filter((peer) => peer.labels?.[name] === value).length

test('gives everybody when they are few', () => {
  assert.is(
    chooseHandout(
      peers(5, () => ({})),
      { max: 10, labels: {} },
    ).length,
    5,
  )
})

test('prefers the rack, then the zone, and keeps some from elsewhere', () => {
  const all = peers(300, (n) => ({ zone: n < 150 ? 'z1' : 'z2', rack: `r${n % 5}` }))
  const chosen = chooseHandout(all, { max: 30, labels: { zone: 'z1', rack: 'r0' } })
  assert.is(chosen.length, 30)
  assert.is(new Set(chosen).size, 30)
  const sameRack = chosen.filter(
    (peer) => peer.labels?.['rack'] === 'r0' && peer.labels['zone'] === 'z1',
  ).length
  assert.ok(sameRack >= 21)
  assert.ok(count(chosen, 'zone', 'z1') >= 27)
  assert.ok(chosen.length - sameRack > 0)
})

test('fills up from elsewhere when nobody is near', () => {
  const all = peers(100, () => ({ zone: 'far', rack: 'r1' }))
  assert.is(chooseHandout(all, { max: 30, labels: { zone: 'here', rack: 'r1' } }).length, 30)
})

test('chooses at random', () => {
  const all = peers(1000, () => ({}))
  const one = chooseHandout(all, { max: 20, labels: {} })
  const two = chooseHandout(all, { max: 20, labels: {} })
  assert.not.equal(one, two)
})

test.run()
