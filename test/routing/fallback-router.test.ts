import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ManifestId } from '../../src/core/cid.ts'
import { InternalError, NotAuthorisedError, TimeoutError, UnreachableError } from '../../src/core/errors.ts'
import { type Log, silentLog } from '../../src/core/log.ts'
import type { PeerAddress, Router } from '../../src/core/router.ts'
import { FallbackRouter } from '../../src/routing/fallback-router.ts'
import { MemoryRouter, RoutingTable } from '../../src/routing/memory-router.ts'
import { anyManifest, routerConformance } from '../conformance/router.ts'
import { failureOf } from '../fixtures/failure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { peerNamed } from '../fixtures/peers.ts'

const MANIFEST = anyManifest('fallback')

/** A router that finds the named peers, or fails. */
class ScriptedRouter implements Router {
  readonly name: string
  readonly announced: ManifestId[] = []
  readonly #outcome: readonly string[] | Error
  finds = 0

  constructor(name: string, outcome: readonly string[] | Error) {
    this.name = name
    this.#outcome = outcome
  }

  async announce(manifest: ManifestId): Promise<void> {
    if (this.#outcome instanceof Error) throw this.#outcome
    this.announced.push(manifest)
  }

  async withdraw(manifest: ManifestId): Promise<void> {
    await this.announce(manifest)
  }

  async *find(): AsyncGenerator<PeerAddress> {
    this.finds++
    if (this.#outcome instanceof Error) throw this.#outcome
    for (const name of this.#outcome) yield peerNamed(name)
  }
}

for (const [name, withDead] of [
  ['of one', false],
  ['behind one that is away', true],
] as const) {
  routerConformance(`fallback ${name}`, async () => {
    const table = new RoutingTable({ clock: new FakeClock() })
    const peers = ['a', 'b', 'c', 'd'].map(peerNamed)
    const routers = peers.map((self) => {
      const dead = withDead ? [new ScriptedRouter('dead', new UnreachableError('away'))] : []
      return fallback([...dead, new MemoryRouter({ table }, { self })])
    })
    return { routers, peers: peers.map(({ peer }) => peer), manifest: anyManifest, destroy: async () => {} }
  })
}

const test = suite('fallback router')

test('one that refuses an announcement keeps the next from hearing of it', async () => {
  const refuses = new ScriptedRouter('refuses', new NotAuthorisedError('you may not have it'))
  const [away, last] = [
    new ScriptedRouter('away', new UnreachableError('away')),
    new ScriptedRouter('last', []),
  ]
  assert.instance(await failureOf(fallback([refuses, last]).announce(MANIFEST)), NotAuthorisedError)
  assert.equal(last.announced, [])
  await fallback([away, last]).announce(MANIFEST)
  assert.equal(last.announced, [MANIFEST])
})

test('asks the next only when the one before finds nobody or is away', async () => {
  const [full, empty] = [new ScriptedRouter('full', ['a', 'a', 'b']), new ScriptedRouter('empty', [])]
  const [away, slow] = [
    new ScriptedRouter('away', new UnreachableError('away')),
    new ScriptedRouter('slow', new TimeoutError('slow')),
  ]
  const last = new ScriptedRouter('last', ['z'])
  assert.equal(await names(fallback([full, last])), ['peer-a', 'peer-b'])
  assert.is(last.finds, 0)
  assert.equal(await names(fallback([empty, away, slow, last])), ['peer-z'])
})

test('finds nobody when some are away and the others know nobody', async () => {
  const away = new ScriptedRouter('away', new UnreachableError('away'))
  assert.equal(await names(fallback([away, new ScriptedRouter('empty', [])])), [])
})

test('fails with the first error when all are away', async () => {
  const first = new UnreachableError('first')
  const routers = [new ScriptedRouter('a', first), new ScriptedRouter('b', new TimeoutError('second'))]
  assert.is(await failureOf(names(fallback(routers))), first)
  assert.is(await failureOf(fallback(routers).announce(MANIFEST)), first)
})

test('does not hide any other failure of a search', async () => {
  const refused = new NotAuthorisedError('not yours')
  const routers = [new ScriptedRouter('a', refused), new ScriptedRouter('b', ['z'])]
  assert.is(await failureOf(names(fallback(routers))), refused)
})

test('announces to all and logs who failed', async () => {
  const logged: object[] = []
  const log: Log = { ...silentLog, warn: (data) => void logged.push(data) }
  const broken = new ScriptedRouter('broken', new InternalError('broken'))
  const fine = new ScriptedRouter('fine', [])
  await new FallbackRouter({ routers: [broken, fine], log }).announce(MANIFEST)
  assert.equal(fine.announced, [MANIFEST])
  assert.match(JSON.stringify(logged), '"router":"broken"')
})

function fallback(routers: readonly Router[]): FallbackRouter {
  return new FallbackRouter({ routers, log: silentLog })
}

async function names(router: Router): Promise<string[]> {
  const list: string[] = []
  for await (const { peer } of router.find(MANIFEST)) list.push(peer)
  return list
}

test.run()
