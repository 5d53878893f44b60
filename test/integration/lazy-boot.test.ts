// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BOOT_PROFILE_TYPE, checkBootProfile, parseBootProfile } from '../../src/core/boot-profile.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { loadIdentity } from '../../src/identity/identity-files.ts'
import { verifyJws } from '../../src/identity/jws.ts'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { pushImage } from '../../testnet/peers/bootswarm.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { bootGuest } from '../../testnet/vm/guest.ts'
import type { GuestImage } from '../../testnet/vm/guest-image.ts'
import { withNode } from '../../testnet/with-node.ts'
import { guestImageOrLack } from '../fixtures/guest-image.ts'
import { testsThatNeed } from '../fixtures/programs.ts'

const test = suite('lazy boot')
const REFERENCE = 'site/guest:1'
const MB = 1_000_000
const { image, lack } = await guestImageOrLack()
const withImage = testsThatNeed(test, lack)

interface Site {
  readonly testnet: Testnet
  readonly guestImage: GuestImage
}

/** What a command of profiles prints as JSON. */
async function profile(testnet: Testnet, args: readonly string[], node?: NodeHandle) {
  const context = node === undefined ? {} : { context: node.name }
  const done = await testnet.cli(['image', 'profile', ...args, '-o', 'json'], context)
  assert.is(done.code, 0, done.stderr)
  return JSON.parse(done.stdout)
}

/** Boots over a disk of a node, hands in what that read, reads a file right that no boot reads, and says what the disk had done at the prompt. */
async function bootOn(node: NodeHandle, { testnet, guestImage }: Site) {
  const attached = await withNode(node, (client) =>
    client.disks.attach({ reference: REFERENCE, name: 'guest', fill: false }),
  )
  const drive = { kind: 'nbd', socket: attached.socket, name: attached.export } as const
  const guest = await bootGuest({ image: guestImage, drive })
  try {
    const { figures, complete, manifest, size } = await withNode(node, (client) => client.disks.get('guest'))
    const handedIn = await profile(testnet, ['record', 'guest'], node)
    await guest.console.login()
    const printed = await guest.console.run(`sha256sum ${guestImage.probe.path}`)
    assert.is(printed.split(' ')[0], guestImage.probe.sha256)
    if (figures === undefined) throw new RangeError('a disk that is read has figures')
    return { figures, complete, manifest, size, reads: guest.bootReads, handedIn }
  } finally {
    await guest.end()
  }
}

/** What the tracker gives as the profile, whose signature is verified here once more. */
async function shownProfile(testnet: Testnet, { manifest, size }: { manifest: string; size: number }) {
  const shown = await profile(testnet, ['show', REFERENCE])
  const { trust } = await loadIdentity(testnet.layout.identity('publisher'))
  const host = testnet.tracker.serverName
  const { claims } = await verifyJws(shown.token, { trust, host, typ: BOOT_PROFILE_TYPE, nowMs: Date.now() })
  checkBootProfile(parseBootProfile(claims), { manifest: manifest as ManifestId, size, reads: shown.reads })
  assert.is(claims['recordings'], shown.recordings)
  return shown
}

withImage(
  'Debian boots over a cold node, and on another one, in a warm swarm, by what that boot read',
  async () => {
    if (image === undefined) return assert.unreachable('no image')
    const testnet: Testnet = await createTestnet({ nodes: 2 })
    try {
      const [cold, warm] = testnet.nodes
      if (cold === undefined || warm === undefined) return assert.unreachable('two nodes')
      const site = { testnet, guestImage: image }
      await pushImage(testnet, image.disk, REFERENCE)
      const first = await bootOn(cold, site)
      assert.not(first.complete, 'the image had not arrived when the guest was at its prompt')
      assert.ok(first.figures.originBytes > MB, `${first.figures.originBytes} bytes from the origin`)
      assert.ok(
        first.figures.fetchedBytes <= 1.3 * first.reads.bytes,
        `${first.figures.fetchedBytes} bytes fetched`,
      )
      assert.is(first.figures.boot.profileBytes, 0, 'nobody had booted before')
      const recorded = await shownProfile(testnet, first)
      assert.equal([recorded.recordings, recorded.bytes], [1, first.handedIn.bytes])

      const second = await bootOn(warm, site)
      assert.not(second.complete)
      assert.ok(second.figures.peerBytes > MB, `${second.figures.peerBytes} bytes from the first node`)
      const { boot } = second.figures
      assert.is(boot.profileBytes, recorded.bytes, 'what the first boot read is what was replayed')
      assert.ok(boot.fetchedBytes > recorded.bytes / 2, `${boot.fetchedBytes} bytes fetched for the replay`)
      assert.ok(
        boot.usedBytes >= 0.8 * recorded.bytes,
        `the guest read ${boot.usedBytes} bytes of the profile`,
      )
      assert.ok(boot.hits >= 0.8 * boot.reads, `${boot.hits} of ${boot.reads} reads were in the profile`)
      const { waits } = second.figures
      assert.ok(
        waits < first.figures.waits,
        `${waits} reads waited, without a profile ${first.figures.waits}`,
      )
      const merged = await shownProfile(testnet, second)
      assert.is(merged.recordings, 2, 'what the second boot read is in the profile')
    } finally {
      await testnet.destroy()
    }
  },
)

test.run()
