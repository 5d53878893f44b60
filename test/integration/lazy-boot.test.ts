// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
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

/** Boots over a disk of a node, reads a file right that no boot reads, and says what the disk had done at the prompt. */
async function bootOn(node: NodeHandle, guestImage: GuestImage) {
  const attached = await withNode(node, (client) =>
    client.disks.attach({ reference: REFERENCE, name: 'guest', fill: false }),
  )
  const drive = { kind: 'nbd', socket: attached.socket, name: attached.export } as const
  const guest = await bootGuest({ image: guestImage, drive })
  try {
    const { figures, complete } = await withNode(node, (client) => client.disks.get('guest'))
    await guest.console.login()
    const printed = await guest.console.run(`sha256sum ${guestImage.probe.path}`)
    assert.is(printed.split(' ')[0], guestImage.probe.sha256)
    if (figures === undefined) throw new RangeError('a disk that is read has figures')
    return { figures, complete, reads: guest.bootReads }
  } finally {
    await guest.end()
  }
}

withImage('Debian boots over a disk of a cold node, and on another node over a warm swarm', async () => {
  if (image === undefined) return assert.unreachable('no image')
  const testnet: Testnet = await createTestnet({ nodes: 2 })
  try {
    const [cold, warm] = testnet.nodes
    if (cold === undefined || warm === undefined) return assert.unreachable('two nodes')
    await pushImage(testnet, image.disk, REFERENCE)
    const first = await bootOn(cold, image)
    assert.not(first.complete, 'the image had not arrived when the guest was at its prompt')
    assert.ok(first.figures.originBytes > MB, `${first.figures.originBytes} bytes from the origin`)
    assert.ok(
      first.figures.fetchedBytes <= 1.3 * first.reads.bytes,
      `${first.figures.fetchedBytes} bytes fetched`,
    )
    const second = await bootOn(warm, image)
    assert.not(second.complete)
    assert.ok(second.figures.peerBytes > MB, `${second.figures.peerBytes} bytes from the first node`)
  } finally {
    await testnet.destroy()
  }
})

test.run()
