import { once } from 'node:events'
import { createServer, type TLSSocket } from 'node:tls'
import { createCa, issueCertificate } from '../../../src/identity/ca.ts'
import { BARE_CIPHER, PIECE_BYTES } from './bare.ts'

/** A plain TLS 1.3 server that sends as many bytes as it is asked for. */
const ca = await createCa({ commonName: 'bench' })
const { certificatePem, keyPem } = await issueCertificate(ca, {
  kind: 'tracker',
  commonName: 'bench',
  dnsNames: ['bench'],
})

async function answer(socket: TLSSocket): Promise<void> {
  const [request] = (await once(socket, 'data')) as [Buffer]
  const piece = Buffer.alloc(PIECE_BYTES, 7)
  for (let left = Number(request.readBigUInt64BE(0)); left > 0; left -= PIECE_BYTES) {
    if (!socket.write(piece.subarray(0, Math.min(left, PIECE_BYTES)))) await once(socket, 'drain')
  }
  socket.end()
}

const options = { cert: certificatePem, key: keyPem, minVersion: 'TLSv1.3', ciphers: BARE_CIPHER } as const
const server = createServer(options, (socket) => {
  socket.on('error', () => socket.destroy())
  answer(socket).catch(() => socket.destroy())
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  process.send?.({ port, caPem: ca.certificatePem })
})
process.on('disconnect', () => process.exit())
