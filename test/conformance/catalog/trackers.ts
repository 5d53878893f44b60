import * as assert from 'uvu/assert'
import type { PeerKey } from '../../../src/core/router.ts'
import { by, commit, here, image, manifest, manifestOf, nowMs, type On, there, upload } from './steps.ts'

const entry = (peer: PeerKey, seenAtMs = nowMs) => ({
  ...{ peer, url: `https://${peer}:8443`, seenAtMs },
  addresses: [`/dns4/${peer}/tcp/4001`],
})

/** The trackers of a catalog, and who has the blocks of what. */
export function trackerTests(on: On): void {
  on('knows its trackers, as they last said of themselves', async ({ catalog }) => {
    const { trackers } = catalog
    assert.equal(await trackers.list(), [])
    await trackers.put(entry(there))
    await trackers.put(entry(here))
    const moved = { ...entry(there, nowMs + 1), url: 'https://moved:1', addresses: [] }
    await trackers.put(moved)
    assert.equal(await trackers.list(), [entry(here), moved])
    assert.equal(await trackers.get(there), moved)
    assert.is(await trackers.get('nobody' as PeerKey), undefined)
  })

  on('a commit says who has the blocks', async ({ catalog }) => {
    const { trackers } = catalog
    await trackers.put(entry(here))
    await commit(catalog, { tracker: here })
    assert.equal(await trackers.holders(manifest), { peers: [here], known: [entry(here)] })
    await commit(catalog, { tracker: here })
    await commit(catalog, { tracker: there })
    const both = await trackers.holders(manifest)
    assert.equal(both.peers.sort(), [here, there])
    assert.equal(both.known, [entry(here)], 'the other one has not said where it is')
    await trackers.put(entry(there, nowMs + 1))
    assert.equal((await trackers.holders(manifest)).known, [entry(there, nowMs + 1), entry(here)])
    assert.equal(await trackers.holders(manifestOf('other')), { peers: [], known: [] })
  })

  on('a tracker needs what it has and a version names', async ({ catalog }) => {
    const { trackers, images } = catalog
    const [one, two] = [manifestOf('1'), manifestOf('2')]
    await commit(catalog, { manifest: one })
    await commit(catalog, { manifest: two })
    await commit(catalog, { manifest: two, tracker: there })
    assert.equal((await trackers.needed(here)).sort(), [one, two].sort())
    assert.equal(await trackers.needed(there), [two])
    await images.removeVersion(image, 2, by)
    assert.equal(
      (await trackers.needed(here)).sort(),
      [one, two].sort(),
      'the third version has the same bytes',
    )
    await images.removeVersion(image, 3, by)
    assert.equal(await trackers.needed(here), [one])
    assert.equal((await trackers.holders(two)).peers, [there], 'everybody says so of itself alone')
    await images.remove(image, by)
    assert.equal(await trackers.needed(here), [])
    assert.equal(await trackers.needed(there), [])
    assert.equal((await trackers.holders(two)).peers, [])
  })

  on('finds the versions that nobody is known to have', async ({ catalog, sql }) => {
    const { trackers } = catalog
    const [one, two] = [manifestOf('1'), manifestOf('2')]
    for (const manifest of [one, two, two]) await commit(catalog, { manifest })
    assert.equal(await trackers.orphans(), [])
    await sql('delete from holdings')
    assert.equal((await trackers.orphans()).sort(), [one, two].sort())
    await trackers.hold(here, [two])
    await trackers.hold(here, [two])
    assert.equal(await trackers.orphans(), [one])
    assert.equal((await trackers.holders(two)).peers, [here])
  })

  on('uploads from before there were several trackers belong to everybody', async ({ catalog, sql }) => {
    const id = await upload(catalog)
    await catalog.uploads.lease(id, [new Uint8Array(32)], { nowMs })
    await sql(`update uploads set tracker = ''`)
    for (const tracker of [here, there])
      assert.is((await Array.fromAsync(catalog.uploads.leased(tracker))).length, 1)
    assert.is((await catalog.uploads.get(id, { nowMs })).tracker, '')
  })
}
