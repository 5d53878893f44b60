import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, type ManifestId, manifestIdOf } from '../../src/core/cid.ts'
import type { PeerAddress, PeerKey, Router } from '../../src/core/router.ts'
import { failureOf } from '../fixtures/failure.ts'

/** Routers of several peers that can find each other. */
export interface RouterSite {
  /** One for each of at least 4 peers. */
  readonly routers: readonly Router[]
  /** Peers of the routers, in the same order. */
  readonly peers: readonly PeerKey[]
  /** A manifest that these routers may announce; for the same name the same. */
  manifest(name: string): ManifestId
  destroy(): Promise<void>
}

export interface RouterTraits {
  /** Withdrawn records stay at other peers until they expire. */
  withdrawsLazily?: boolean
  /** Tells nobody whether it knows a manifest that the asker may not have. */
  refusesUnknown?: boolean
}

/** Names that a site's `manifest` is asked for, for sites that must prepare them. */
export const ROUTER_MANIFESTS = ['own', 'several', 'twice', 'withdrawn', 'unannounced'] as const

export function anyManifest(name: string): ManifestId {
  return manifestIdOf(digestOf(Buffer.from(`manifest ${name}`)))
}

/** What every router does. */
export function routerConformance(
  name: string,
  create: () => Promise<RouterSite>,
  traits: RouterTraits = {},
): void {
  const test = suite<{ site: RouterSite }>(`router: ${name}`)
  test.before(async (context) => {
    context.site = await create()
  })
  test.after(({ site }) => site.destroy())

  test('finds nobody for a manifest that nobody announces', async ({ site }) => {
    assert.equal(await found(site, 0, 'unannounced'), [])
  })

  test('finds nobody for a manifest that it has never heard of', async ({ site }) => {
    const answer = collect(routerOf(site, 0).find(anyManifest('never heard of')))
    if (traits.refusesUnknown === true) assert.is((await failureOf(answer)).code, 'E_NOT_AUTHORISED')
    else assert.equal(await answer, [])
  })

  test('finds a peer that announces, with addresses, and not itself', async ({ site }) => {
    await routerOf(site, 1).announce(site.manifest('own'))
    const peers = await collect(routerOf(site, 0).find(site.manifest('own')))
    assert.equal(
      peers.map(({ peer }) => peer),
      [site.peers[1]],
    )
    assert.ok(
      peers.every(({ addresses }) => addresses.length > 0 && addresses.every((it) => !it.includes('/p2p/'))),
    )
    assert.not.ok((await found(site, 1, 'own')).includes(site.peers[1] as PeerKey))
  })

  test('finds all that announce', async ({ site }) => {
    for (const index of [1, 2, 3]) await routerOf(site, index).announce(site.manifest('several'))
    assert.equal(await found(site, 0, 'several'), site.peers.slice(1, 4).sort())
  })

  test('lists a peer once that announces again', async ({ site }) => {
    await routerOf(site, 1).announce(site.manifest('twice'))
    await routerOf(site, 1).announce(site.manifest('twice'))
    assert.equal(await found(site, 0, 'twice'), [site.peers[1]])
  })

  test('withdraws, also what was never announced', async ({ site }) => {
    await routerOf(site, 1).announce(site.manifest('withdrawn'))
    await routerOf(site, 1).withdraw(site.manifest('withdrawn'))
    await routerOf(site, 2).withdraw(site.manifest('withdrawn'))
    if (traits.withdrawsLazily !== true) assert.equal(await found(site, 0, 'withdrawn'), [])
  })

  test('stops when asked to', async ({ site }) => {
    const options = { signal: AbortSignal.abort() }
    const manifest = site.manifest('own')
    assert.is((await failureOf(collect(routerOf(site, 0).find(manifest, options)))).code, 'E_ABORTED')
    assert.is((await failureOf(routerOf(site, 3).announce(manifest, options))).code, 'E_ABORTED')
  })

  test.run()
}

function routerOf(site: RouterSite, index: number): Router {
  const router = site.routers[index]
  if (router === undefined) throw new RangeError('the site has too few routers')
  return router
}

async function found(site: RouterSite, index: number, name: string): Promise<PeerKey[]> {
  const peers = await collect(routerOf(site, index).find(site.manifest(name)))
  return peers.map(({ peer }) => peer).sort()
}

/** Without the origin, which a tracker names to everybody. */
async function collect(peers: AsyncIterable<PeerAddress>): Promise<PeerAddress[]> {
  const list: PeerAddress[] = []
  for await (const peer of peers) if (peer.origin !== true) list.push(peer)
  return list
}
