import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { StateError } from '../../../src/core/errors.ts'
import { timed } from '../measure.ts'
import { BARE_CIPHER } from './bare.ts'
import { startSender } from './sender-process.ts'

/** Seconds that each of `runs` transfers of `bytes` took from another process through a bare TLS 1.3 socket. */
export async function tlsSocketSeconds(init: { bytes: number; runs: number }): Promise<number[]> {
  const sender = await startSender<{ port: number; caPem: string }>('tls-sender')
  try {
    const seconds: number[] = []
    for (let run = 0; run < init.runs; run++) {
      const { port, caPem } = sender.ready
      const socket = connect({
        host: '127.0.0.1',
        port,
        ca: caPem,
        servername: 'bench',
        minVersion: 'TLSv1.3',
        ciphers: BARE_CIPHER,
      })
      await once(socket, 'secureConnect')
      seconds.push(await timed(() => receive(socket, init.bytes)))
      socket.destroy()
    }
    return seconds
  } finally {
    await sender.stop()
  }
}

async function receive(socket: TLSSocket, bytes: number): Promise<void> {
  const request = Buffer.alloc(8)
  request.writeBigUInt64BE(BigInt(bytes))
  socket.write(request)
  let received = 0
  for await (const piece of socket) {
    received += (piece as Buffer).length
    if (received >= bytes) return
  }
  throw new StateError(`the socket ended after ${received} of ${bytes} bytes`)
}
