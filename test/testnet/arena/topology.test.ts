import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidError } from '../../../src/core/errors.ts'
import { formatRate, parseRate } from '../../../testnet/arena/rates.ts'
import { bucketOf, tbfLine } from '../../../testnet/arena/shaping.ts'
import { checkTopology, uniformTopology } from '../../../testnet/arena/topology.ts'

const test = suite('topology')

test('deals nodes to racks evenly, the origin in the first', () => {
  const { hosts, racks } = uniformTopology({
    nodes: 4,
    racks: 2,
    bitsPerSecond: 1e8,
    uplinkBitsPerSecond: 5e7,
  })
  assert.equal(
    hosts.map(({ name, rack }) => `${name} ${rack}`),
    ['origin rack-1', 'node-1 rack-1', 'node-2 rack-1', 'node-3 rack-2', 'node-4 rack-2'],
  )
  assert.equal(
    racks.map(({ uplinkBitsPerSecond }) => uplinkBitsPerSecond),
    [5e7, 5e7],
  )
})

test('single nodes have links of their own', () => {
  const odd = { 1: { upBitsPerSecond: 1e6, downBitsPerSecond: 2e6 } }
  const { hosts } = uniformTopology({ nodes: 2, bitsPerSecond: 1e8, odd })
  assert.equal(
    hosts.map(({ upBitsPerSecond, downBitsPerSecond }) => [upBitsPerSecond, downBitsPerSecond]),
    [
      [1e8, 1e8],
      [1e8, 1e8],
      [1e6, 2e6],
    ],
  )
})

test('refuses what is no network', () => {
  const good = uniformTopology({ nodes: 1, bitsPerSecond: 1e8 })
  const [host] = good.hosts
  const bad: unknown[] = [
    undefined,
    { ...good, hosts: [] },
    { ...good, more: 1 },
    { ...good, hosts: [{ ...host, rack: 'elsewhere' }] },
    { ...good, hosts: [host, host] },
    { ...good, racks: [...good.racks, ...good.racks] },
    { ...good, hosts: [{ ...host, name: '../etc' }] },
    { ...good, hosts: [{ ...host, upBitsPerSecond: 1000 }] },
    { ...good, racks: [{ ...good.racks[0], uplinkBitsPerSecond: 1e15 }] },
  ]
  for (const one of bad)
    assert.throws(
      () => checkTopology(one),
      (error: unknown) => error instanceof InvalidError,
    )
})

test('rates are read and written', () => {
  assert.is(parseRate('100mbit'), 100e6)
  assert.is(parseRate('2.5 Gbit/s'), 2.5e9)
  for (const text of ['', '100', '100mb', '1kbit', '-1mbit', '9999999gbit'])
    assert.is(parseRate(text), undefined)
  assert.is(formatRate(100e6), '100 Mbit/s')
})

test('a whole GSO segment fits into the bucket, and no queue holds a byte for a second', () => {
  for (const rate of [20e6, 100e6, 1e9, 1e10]) {
    const { burstBytes, queueBytes } = bucketOf(rate)
    assert.ok(burstBytes > 65_536 + 100)
    assert.ok(queueBytes >= burstBytes && (queueBytes * 8) / rate < 0.25)
  }
  for (const rate of [500e3, 1e6, 10e6]) assert.ok((bucketOf(rate).queueBytes * 8) / rate <= 1.1)
  assert.is(
    tbfLine('eth0', bucketOf(1e8)),
    'qdisc add dev eth0 root tbf rate 100000000bit burst 131072 limit 524288',
  )
})

test.run()
