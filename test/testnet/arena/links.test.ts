import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Arena, ArenaKind } from '../../../testnet/arena/arena.ts'
import { outputOf } from '../../../testnet/arena/host-processes.ts'
import { httpGet } from '../../../testnet/arena/http/http-get.ts'
import { namespacesLack } from '../../../testnet/arena/ip.ts'
import { openArena } from '../../../testnet/arena/open-arena.ts'
import { uniformTopology } from '../../../testnet/arena/topology.ts'
import { writeRandomFile } from '../../../testnet/images/random-file.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'

const test = suite('links of an arena')
const asRoot = testsThatNeed(test, namespacesLack())

const SIZE_BYTES = 8 * 1024 ** 2
const RATE = 40e6
const UPLINK = 20e6
/** A machine with other work may lose a run; a link that is too slow loses all. */
const TRIES = 4

async function withArena(
  kind: ArenaKind,
  work: (arena: Arena, file: string) => Promise<void>,
): Promise<void> {
  const topology = uniformTopology({ nodes: 2, racks: 2, bitsPerSecond: RATE, uplinkBitsPerSecond: UPLINK })
  const arena = await openArena(topology, { kind })
  const file = join(arena.dir, 'file')
  try {
    assert.is(arena.kind, kind)
    await writeRandomFile(file, { sizeBytes: SIZE_BYTES, seed: 1 })
    await work(arena, file)
  } finally {
    await arena.close()
    await rm(file, { force: true })
  }
}

/** Share of `rate` that one GET between two hosts reaches at best. */
async function bestShare(arena: Arena, init: { to: number; rate: number; file: string }): Promise<number> {
  const [from, to] = [arena.hosts[0], arena.hosts[init.to]]
  assert.ok(from && to)
  let best = 0
  for (let i = 0; i < TRIES && best < 0.93; i++) {
    const { seconds } = await httpGet(arena, { from, to, file: init.file })
    best = Math.max(best, (SIZE_BYTES * 8) / seconds / init.rate)
  }
  return best
}

async function checkRates(arena: Arena, file: string): Promise<void> {
  const within = await bestShare(arena, { to: 1, rate: RATE, file })
  assert.ok(within >= 0.93 && within <= 1.05, `${within} of the rate of a host`)
  const across = await bestShare(arena, { to: 2, rate: UPLINK, file })
  assert.ok(across >= 0.93 && across <= 1.06, `${across} of the rate of an uplink`)
  const [sent, received] = [await arena.racks[0]?.traffic(), await arena.racks[1]?.traffic()]
  assert.ok((sent?.sentBytes ?? 0) >= SIZE_BYTES && (received?.receivedBytes ?? 0) >= SIZE_BYTES)
  assert.ok(((await arena.hosts[2]?.traffic())?.receivedBytes ?? 0) >= SIZE_BYTES)
}

asRoot('one TCP stream reaches 0.93 of a rate, of a host and of an uplink', () =>
  withArena('namespaces', checkRates),
)

test('so it does on the loopback interface', () => withArena('loopback', checkRates))

const CONNECT = `const s = require('net').connect(+process.argv[2], process.argv[1]);
  s.setTimeout(700, () => { console.log('silence'); process.exit() });
  s.on('data', () => { console.log('answer'); process.exit() }); s.on('error', () => { console.log('silence'); process.exit() });
  s.write('GET / HTTP/1.0\\r\\n\\r\\n')`
const SERVE = `require('http').createServer((q, a) => a.end('x')).listen(+process.argv[2], process.argv[1], () => console.log('ready'))`

async function checkCut(arena: Arena): Promise<void> {
  const [origin, near, far] = arena.hosts
  assert.ok(origin && near && far)
  const server = origin.start(process.execPath, ['-e', SERVE, origin.listenAddress, '5000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => server.stdout?.once('data', resolve))
  await origin.expose(5000)
  const reach = async (host: typeof near) => {
    const client = host.spawn(process.execPath, ['-e', CONNECT, origin.address, '5000'], { capture: true })
    return (await outputOf(client, 'connect')).trim()
  }
  assert.is(await reach(far), 'answer')
  await arena.racks[1]?.cut()
  assert.is(await reach(near), 'answer')
  assert.is(await reach(far), 'silence')
  await arena.racks[1]?.heal()
  assert.is(await reach(far), 'answer')
}

asRoot('a rack that is cut off reaches nobody until it is healed', () => withArena('namespaces', checkCut))
test('so it is on the loopback interface', () => withArena('loopback', checkCut))

test.run()
