import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Clock } from '../../../src/core/clock.ts'
import { CertificateError, NotAuthorisedError, UnreachableError } from '../../../src/core/errors.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import { judgeSocket, type Principal } from '../../../src/identity/path-validation.ts'

/** What a server needs to listen on TCP. */
export interface NbdTls {
  readonly identity: Identity
  /** Whether somebody with a valid certificate of the site may read the disks. */
  readonly admits: (principal: Principal) => boolean
}

/** TLS on the server's side, begun within a connection: both show certificates, which are judged by our own rules. */
export class TlsGate {
  readonly #tls: NbdTls
  readonly #clock: Clock
  #context: { key: string; made: SecureContext } | undefined

  constructor(components: { tls: NbdTls; clock: Clock }) {
    this.#tls = components.tls
    this.#clock = components.clock
  }

  /** Sends `ack`, then makes TLS of the connection. Throws UnreachableError when none comes about, CertificateError, NotAuthorisedError. */
  async begin(raw: Socket, ack: Uint8Array): Promise<TLSSocket> {
    await new Promise<void>((resolve) => raw.write(ack, () => resolve()))
    const options = { isServer: true, requestCert: true, rejectUnauthorized: false }
    const socket = new TLSSocket(raw, { ...options, secureContext: this.#secureContext() })
    try {
      await secured(socket)
      this.judge(socket)
    } catch (error) {
      socket.destroy()
      throw error
    }
    return socket
  }

  /** Throws CertificateError or NotAuthorisedError when the other end does not count, or not any more. */
  judge(socket: TLSSocket): void {
    // a resumed session shows no chain
    if (socket.isSessionReused()) throw new CertificateError('sessions are not resumed here')
    const { identity, admits } = this.#tls
    const { principal } = judgeSocket(socket, { trust: identity.trust, nowMs: this.#clock.now() })
    if (!admits(principal))
      throw new NotAuthorisedError(`${principal.dn} may not read the disks of this node`)
  }

  /** Made again when certificate or authorities are others. */
  #secureContext(): SecureContext {
    const { certificatePem, keyPem, trust } = this.#tls.identity
    const key = `${certificatePem}${keyPem}${trust.generation}`
    if (this.#context?.key === key) return this.#context.made
    const made = createSecureContext({
      ...{ cert: certificatePem, key: keyPem, ca: trust.pem, minVersion: 'TLSv1.2' },
      secureOptions: constants.SSL_OP_NO_TICKET,
    })
    this.#context = { key, made }
    return made
  }
}

async function secured(socket: TLSSocket): Promise<void> {
  const ended = new AbortController()
  const gone = () => ended.abort()
  // stays, so that an error that comes later is nobody's surprise
  socket.on('error', gone)
  socket.once('close', gone)
  socket.once('end', gone)
  try {
    await once(socket, 'secure', { signal: ended.signal })
  } catch (cause) {
    throw new UnreachableError('no TLS connection came about', { cause })
  } finally {
    socket.off('close', gone)
    socket.off('end', gone)
  }
}
