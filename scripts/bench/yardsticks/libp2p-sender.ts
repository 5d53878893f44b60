import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { BARE_PROTOCOL, NO_MONITOR, PIECE_BYTES } from './bare.ts'

/** A bare libp2p host: noise, yamux, TCP, their defaults but for the monitor. Sends as many bytes as it is asked for. */
const host = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  ...NO_MONITOR,
})

await host.handle(BARE_PROTOCOL, (stream) => {
  stream.addEventListener('message', ({ data }) => {
    const bytes = Number(new DataView(data.slice().buffer).getBigUint64(0))
    send(stream, bytes).catch((error: Error) => stream.abort(error))
  })
})

async function send(stream: Stream, bytes: number): Promise<void> {
  const piece = new Uint8Array(PIECE_BYTES).fill(7)
  for (let left = bytes; left > 0; left -= PIECE_BYTES) {
    if (!stream.send(piece.subarray(0, Math.min(left, PIECE_BYTES)))) await drained(stream)
  }
}

/** `stream.onDrain()` resolves at once from its second use on, which queues without bound. */
function drained(stream: Stream): Promise<unknown> {
  return new Promise((resolve) => stream.addEventListener('drain', resolve, { once: true }))
}

process.on('disconnect', () => process.exit())
process.send?.({ addresses: host.getMultiaddrs().map(String) })
