import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { StateError } from '../../../src/core/errors.ts'
import { timed } from '../measure.ts'
import { BARE_PROTOCOL, NO_MONITOR } from './bare.ts'
import { startSender } from './sender-process.ts'

/** Seconds that each of `runs` transfers of `bytes` took from another process through one bare libp2p stream. */
export async function libp2pStreamSeconds(init: { bytes: number; runs: number }): Promise<number[]> {
  const sender = await startSender<{ addresses: string[] }>('libp2p-sender')
  const host = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    ...NO_MONITOR,
  })
  try {
    const address = multiaddr(sender.ready.addresses[0] ?? '')
    const seconds: number[] = []
    for (let run = 0; run < init.runs; run++) {
      const stream = await host.dialProtocol(address, BARE_PROTOCOL)
      seconds.push(await timed(() => receive(stream, init.bytes)))
    }
    return seconds
  } finally {
    await host.stop()
    await sender.stop()
  }
}

/** Asks for bytes and resolves when all have arrived. */
async function receive(stream: Stream, bytes: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let received = 0
  stream.addEventListener('message', ({ data }) => {
    received += data.byteLength
    if (received >= bytes) resolve()
  })
  stream.addEventListener('close', (event) =>
    reject(new StateError(`the stream ended after ${received} of ${bytes} bytes`, { cause: event.error })),
  )
  const request = new DataView(new ArrayBuffer(8))
  request.setBigUint64(0, BigInt(bytes))
  stream.send(new Uint8Array(request.buffer))
  await promise
  stream.abort(new Error('all bytes have arrived'))
}
