import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../testnet/images/random.ts'
import { EventQueue } from '../../../testnet/sim/events.ts'
import { Host } from '../../../testnet/sim/host.ts'
import { Network } from '../../../testnet/sim/network.ts'
import { Rack } from '../../../testnet/sim/pipe.ts'
import { maxMinEnds } from '../../fixtures/max-min.ts'

const test = suite('sim/network')
const MiB = 1024 * 1024
/** 100 Mbit/s in bytes per millisecond. */
const RATE = 12_500

interface Case {
  readonly hosts: readonly { up: number; down: number; rack?: string }[]
  readonly racks?: Readonly<Record<string, number>>
  readonly flows: readonly { from: number; to: number; bytes: number }[]
}

/** When each flow ends in the simulated network. */
function simulated({ hosts, racks = {}, flows }: Case): number[] {
  const queue = new EventQueue()
  const network = new Network(queue, { runBytes: MiB, delayMs: 0.1, crossDelayMs: 0.1 })
  const rackOf = new Map(
    Object.entries(racks).map(([name, rate]) => [name, new Rack({ name, uplinkBytesPerMs: rate })]),
  )
  const made = hosts.map(({ up, down, rack }) => {
    const found = rack === undefined ? undefined : rackOf.get(rack)
    return new Host(queue, {
      upBytesPerMs: up,
      downBytesPerMs: down,
      ...(found === undefined ? {} : { rack: found }),
    })
  })
  const ends = flows.map(() => 0)
  flows.forEach(({ from, to, bytes }, i) => {
    const flow = network.flow(made[from] as Host, made[to] as Host)
    for (let sent = 0; sent < bytes; sent += MiB) {
      flow.send({
        bytes: Math.min(MiB, bytes - sent),
        left() {},
        arrived: () => ends.splice(i, 1, queue.now()),
      })
    }
  })
  queue.run()
  return ends
}

/** The same by progressive filling. */
function exact({ hosts, racks = {}, flows }: Case): number[] {
  const capacities = new Map<string, number>()
  for (const [i, { up, down }] of hosts.entries()) capacities.set(`up ${i}`, up).set(`down ${i}`, down)
  for (const [name, rate] of Object.entries(racks)) {
    capacities.set(`rack up ${name}`, rate).set(`rack down ${name}`, rate)
  }
  const fluid = flows.map(({ from, to, bytes }) => {
    const [a, b] = [hosts[from]?.rack, hosts[to]?.rack]
    const crossing = a === b ? [] : [`rack up ${a}`, `rack down ${b}`]
    return { bytes, links: [`up ${from}`, `down ${to}`, ...crossing] }
  })
  return maxMinEnds(fluid, capacities)
}

function isNear(actual: number, expected: number, share: number, message: string): void {
  assert.ok(Math.abs(actual / expected - 1) <= share, `${message}: ${actual} ms, exactly ${expected} ms`)
}

const EVEN = { up: RATE, down: RATE }

test('one flow has the whole of its links', () => {
  const one: Case = { hosts: [EVEN, EVEN], flows: [{ from: 0, to: 1, bytes: 16 * MiB }] }
  isNear(simulated(one)[0] ?? 0, (16 * MiB) / RATE, 0.01, 'end')
})

test('flows share an uplink and a downlink evenly', () => {
  const bytes = 16 * MiB
  const up: Case = { hosts: [EVEN, EVEN, EVEN], flows: [1, 2].map((to) => ({ from: 0, to, bytes })) }
  for (const end of simulated(up)) isNear(end, (2 * bytes) / RATE, 0.03, 'sharing an uplink')
  const down: Case = { hosts: [EVEN, EVEN, EVEN], flows: [1, 2].map((from) => ({ from, to: 0, bytes })) }
  for (const end of simulated(down)) isNear(end, (2 * bytes) / RATE, 0.03, 'sharing a downlink')
})

test('what a slow receiver does not take others get', () => {
  const slow: Case = {
    hosts: [EVEN, { up: RATE, down: RATE / 10 }, EVEN],
    flows: [
      { from: 0, to: 1, bytes: 8 * MiB },
      { from: 0, to: 2, bytes: 32 * MiB },
    ],
  }
  const expected = exact(slow)
  for (const [i, end] of simulated(slow).entries()) isNear(end, expected[i] ?? 0, 0.03, `flow ${i}`)
})

test('racks share their uplinks', () => {
  const racks: Case = {
    hosts: [0, 1, 2, 3].map((i) => ({ ...EVEN, rack: i < 2 ? 'a' : 'b' })),
    racks: { a: RATE / 2, b: RATE / 2 },
    flows: [
      { from: 0, to: 2, bytes: 8 * MiB },
      { from: 1, to: 3, bytes: 8 * MiB },
      { from: 0, to: 1, bytes: 32 * MiB },
    ],
  }
  const expected = exact(racks)
  for (const [i, end] of simulated(racks).entries()) isNear(end, expected[i] ?? 0, 0.03, `flow ${i}`)
})

test('forty random networks are near max-min fairness', () => {
  const random = seededRandom(7)
  const errors: number[] = []
  const lastErrors: number[] = []
  for (let i = 0; i < 40; i++) {
    const network = randomCase(random)
    const expected = exact(network)
    const actual = simulated(network)
    errors.push(...actual.map((end, k) => Math.abs(end / (expected[k] ?? 1) - 1)))
    lastErrors.push(Math.abs(Math.max(...actual) / Math.max(...expected) - 1))
  }
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
  const p95 = errors.sort((a, b) => a - b)[Math.floor(errors.length * 0.95)] ?? 1
  const worstLast = Math.max(...lastErrors)
  assert.ok(mean < 0.05, `mean error ${mean}`)
  assert.ok(p95 < 0.15, `95 % of the errors are below ${p95}`)
  assert.ok(worstLast < 0.05, `the last flow ends ${worstLast} off`)
})

function randomCase(random: () => number): Case {
  const withRacks = random() < 0.5
  const count = 3 + Math.floor(random() * 6)
  const hosts = Array.from({ length: count }, (_, i) => ({
    up: RATE * (0.2 + random()),
    down: RATE * (0.2 + random()),
    ...(withRacks ? { rack: i % 2 === 0 ? 'a' : 'b' } : {}),
  }))
  const flows = Array.from({ length: 2 + Math.floor(random() * 12) }, () => {
    const from = Math.floor(random() * count)
    const to = (from + 1 + Math.floor(random() * (count - 1))) % count
    return { from, to, bytes: Math.ceil(random() * 24 + 8) * MiB }
  })
  return { hosts, flows, ...(withRacks ? { racks: { a: RATE, b: RATE } } : {}) }
}

test('what crosses a rack that is cut off waits until it is healed', () => {
  const queue = new EventQueue()
  const network = new Network(queue, { runBytes: MiB, delayMs: 0.1, crossDelayMs: 1 })
  const racks = ['a', 'b'].map((name) => new Rack({ name, uplinkBytesPerMs: RATE }))
  const [near, far] = racks.map(
    (rack) => new Host(queue, { upBytesPerMs: RATE, downBytesPerMs: RATE, rack }),
  ) as [Host, Host]
  const arrived: number[] = []
  network.flow(near, far).send({ bytes: MiB, left() {}, arrived: () => arrived.push(queue.now()) })
  network.message(near, far, { due: () => arrived.push(queue.now()) })
  queue.run({ endMs: 10 })
  assert.equal(arrived, [1], 'the message went before')
  racks[1]?.cutOff()
  network.message(near, far, { due: () => arrived.push(queue.now()) })
  queue.run({ endMs: 10_000 })
  assert.is(arrived.length, 1)
  racks[1]?.heal()
  queue.run()
  assert.is(arrived.length, 3)
  assert.is(arrived[1], 10_001)
})

test('a closed flow delivers nothing, and a cancelled transfer is not sent', () => {
  const queue = new EventQueue()
  const network = new Network(queue, { runBytes: MiB, delayMs: 0.1, crossDelayMs: 0.1 })
  const [a, b, c] = [0, 1, 2].map(() => new Host(queue, { upBytesPerMs: RATE, downBytesPerMs: RATE })) as [
    Host,
    Host,
    Host,
  ]
  const arrived: string[] = []
  const transfer = (name: string) => ({ bytes: MiB, left() {}, arrived: () => void arrived.push(name) })
  const closed = network.flow(a, b)
  closed.send(transfer('closed'))
  const open = network.flow(a, c)
  const [begun, waiting] = [transfer('begun'), transfer('waiting')]
  open.send(begun)
  open.send(waiting)
  queue.run({ endMs: 50 })
  closed.close()
  assert.not(open.cancel(begun), 'it has begun')
  assert.ok(open.cancel(waiting))
  queue.run()
  assert.equal(arrived, ['begun'])
})

test.run()
