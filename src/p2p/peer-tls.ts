import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Clock } from '../core/clock.ts'
import { CertificateError, ProtocolError } from '../core/errors.ts'
import type { Identity } from '../identity/identity-files.ts'
import { judgeSocket } from '../identity/path-validation.ts'
import type { HostLimits } from './host-limits.ts'
import { TlsIntake } from './tls-intake.ts'

/** Name of the protocol in ALPN (RFC 7301): nobody is talked into the exchange who believes to speak something else. */
export const EXCHANGE_ALPN = 'bootswarm-exchange/1'

/** AES with 128 bits first: where there are instructions for AES it is the fastest, see docs/decisions/0011-carrier.md. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384'

/** A socket and what it receives. */
export interface PeerSocket {
  readonly socket: TLSSocket
  readonly intake: TlsIntake
}

/**
 * TLS between peers, both of which show the certificate of their node. Node.js verifies the key exchange and that the other side has the key
 * of its certificate; whether that certificate counts is judged by our own rules, afterwards.
 */
export class PeerTls {
  readonly #identity: Identity
  readonly #clock: Clock
  readonly #limits: HostLimits
  #context: { pem: string; made: SecureContext } | undefined

  constructor(components: { identity: Identity; clock: Clock }, init: { limits: HostLimits }) {
    this.#identity = components.identity
    this.#clock = components.clock
    this.#limits = init.limits
  }

  /** Reads the certificate, so that no connection waits for that. */
  prepare(): void {
    this.#secureContext()
  }

  dial(address: { host: string; port: number }): PeerSocket {
    const intake = this.#intake()
    const options: ConnectionOptions & { onread: TlsIntake['onread']; highWaterMark: number } = {
      ...{ ...address, secureContext: this.#secureContext(), ALPNProtocols: [EXCHANGE_ALPN] },
      ...{ minVersion: 'TLSv1.3', rejectUnauthorized: false, checkServerIdentity: () => undefined },
      ...{ onread: intake.onread, highWaterMark: this.#limits.socketBufferBytes },
    }
    const socket = connect(options)
    socket.setNoDelay(true)
    return { socket, intake }
  }

  /** The server's side of a connection that was accepted. */
  answer(raw: Socket): PeerSocket {
    const intake = this.#intake()
    const options = {
      ...{ isServer: true, secureContext: this.#secureContext(), ALPNProtocols: [EXCHANGE_ALPN] },
      ...{ requestCert: true, rejectUnauthorized: false },
    }
    return { socket: new TLSSocket(raw, options), intake }
  }

  /** Who is at the other end, now. Throws CertificateError, ProtocolError. */
  judge(socket: TLSSocket): string {
    if (socket.alpnProtocol !== EXCHANGE_ALPN) throw new ProtocolError('peer does not speak the exchange')
    // a resumed session shows no chain; our tickets name sessions that nobody has kept
    if (socket.isSessionReused()) throw new ProtocolError('peer has resumed a session')
    const { trust } = this.#identity
    // Not by the extended key usage, which tells clients from servers: a peer is both. The pass says whose node it is.
    const { principal } = judgeSocket(socket, { trust, nowMs: this.#clock.now(), purpose: 'any' })
    if (principal.proxyDepth > 0) throw new CertificateError('a proxy certificate is no node')
    return principal.dn
  }

  #intake(): TlsIntake {
    return new TlsIntake({ pauseBytes: this.#limits.receivePauseBytes })
  }

  /** Made again when the certificate is another. */
  #secureContext(): SecureContext {
    const { certificatePem, keyPem } = this.#identity
    const pem = certificatePem + keyPem
    if (this.#context?.pem === pem) return this.#context.made
    const made = createSecureContext({
      ...{ cert: certificatePem, key: keyPem, ciphers: CIPHERS, minVersion: 'TLSv1.3' },
      // no authorities: neither those of Node.js, which take memory, nor ours, since the verdict is not OpenSSL's
      ca: [],
      secureOptions: constants.SSL_OP_NO_TICKET,
    })
    this.#context = { pem, made }
    return made
  }
}
