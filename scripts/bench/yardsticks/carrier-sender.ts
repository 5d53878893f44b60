import type { Channel } from '../../../src/core/carrier.ts'
import { startCarrierPeer } from './carrier-peer.ts'

/** A peer that sends as many bytes as it is asked for, in sends as large as those of a run, and says what CPU time that took. */
const RUN_BYTES = 1024 * 1024
const [, , dir = '', name = ''] = process.argv
const peer = await startCarrierPeer(dir, name)

async function answer(channel: Channel): Promise<void> {
  for await (const request of channel.receive()) {
    const before = process.cpuUsage()
    const piece = Buffer.alloc(RUN_BYTES, 7)
    for (let left = Number(Buffer.from(request).readBigUInt64BE()); left > 0; left -= RUN_BYTES) {
      if (!channel.send(piece.subarray(0, Math.min(left, RUN_BYTES)))) await channel.drained()
    }
    await channel.close()
    const { user, system } = process.cpuUsage(before)
    process.send?.({ cpuSeconds: (user + system) / 1e6 })
    return
  }
}

for (const carrier of [peer.tls, peer.libp2p]) {
  carrier.accept((channel) => void answer(channel).catch((error: Error) => channel.abort(error)))
}
process.on('disconnect', () => process.exit())
process.send?.({ peer: peer.tls.self, addresses: peer.tls.addresses() })
