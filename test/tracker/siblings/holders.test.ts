import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, type ManifestId, manifestIdOf } from '../../../src/core/cid.ts'
import { TRACKER_EXPIRY_MS } from '../../../src/core/registry-limits.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { StoredTracker } from '../../../tracker/catalog/tracker-catalog.ts'
import { Holders } from '../../../tracker/siblings/holders.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('holders')
const manifest = manifestIdOf(digestOf(Buffer.from('m')))
const self = 'self' as PeerKey
const clock = new FakeClock()

function tracker(name: string, ageMs = 0): StoredTracker {
  return {
    peer: name as PeerKey,
    url: `https://${name}`,
    addresses: [`/${name}`],
    seenAtMs: clock.now() - ageMs,
  }
}

/** `others` know where they are; `peers` have the blocks. */
function holders(peers: readonly string[], known: readonly StoredTracker[]) {
  const served: ManifestId[] = []
  const origin = {
    self,
    address: () => ({ peer: self, addresses: ['/self'] }),
    serve: async (id: ManifestId) => void served.push(id),
  }
  const trackers = { holders: async () => ({ peers: peers as PeerKey[], known: [...known] }) }
  return { holders: new Holders({ trackers, clock, origin }), served }
}

const namesOf = async (it: Holders) => (await it.origins(manifest)).map(({ peer }) => peer)

test('what only another one has is not served from here', async () => {
  const { holders: it, served } = holders(['a'], [tracker('a')])
  assert.equal(await it.origins(manifest), [{ peer: 'a', addresses: ['/a'], origin: true }])
  assert.equal(served, [])
  assert.is((await it.of(manifest)).here, false)
})

test('what is here is served from here first', async () => {
  const { holders: it, served } = holders(['a', self], [tracker('a'), tracker(self)])
  assert.equal(await namesOf(it), [self, 'a'])
  assert.equal(served, [manifest])
})

test('this one need not have said where it is', async () => {
  assert.equal(await namesOf(holders([self], []).holders), [self])
})

test('silent ones are left out while somebody else has it', async () => {
  const silent = tracker('silent', TRACKER_EXPIRY_MS)
  assert.equal(await namesOf(holders([self, 'silent'], [silent]).holders), [self])
  assert.equal(
    await namesOf(holders(['a', 'silent'], [tracker('a', TRACKER_EXPIRY_MS - 1), silent]).holders),
    ['a'],
  )
  assert.equal(await namesOf(holders(['silent'], [silent]).holders), ['silent'])
})

test('when nobody has it, it says so', async () => {
  for (const peers of [[], ['unknown']]) {
    const { holders: it } = holders(peers, [])
    assert.is((await failureOf(it.origins(manifest))).code, 'E_UNREACHABLE')
  }
})

test.run()
