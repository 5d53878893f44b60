import { checkServerIdentity as checkName, type PeerCertificate } from 'node:tls'
import { buildConnector } from 'undici'
import { API_CONNECT_TIMEOUT_MS, CHAIN_CERTIFICATES_MAX } from '../core/limits.ts'

export interface TlsInit {
  /** Name that the server's certificate must carry. */
  readonly name: string
  /** Certificate and key of the caller, PEM: leaf first. */
  readonly certificatePem: string
  readonly keyPem: string
  /** Anchors that the server's certificate must lead to, PEM; a function where they may change. */
  readonly caPem: string | (() => string)
  /** Judges the server's chain (DER, leaf first) after TLS has; throws to refuse it. */
  readonly checkServer?: ((chain: readonly Uint8Array[]) => void) | undefined
}

type Connector = ReturnType<typeof buildConnector>

/** Connects with the anchors as they are at that time. */
export function tlsConnector(init: TlsInit): Connector {
  const { caPem } = init
  let [connector, pem]: [Connector | undefined, string] = [undefined, '']
  return (options, callback) => {
    const present = typeof caPem === 'string' ? caPem : caPem()
    if (connector === undefined || present !== pem) connector = connectorFor(init, present)
    pem = present
    connector(options, callback)
  }
}

function connectorFor({ name, certificatePem, keyPem, checkServer }: TlsInit, ca: string): Connector {
  return buildConnector({
    ca,
    cert: certificatePem,
    key: keyPem,
    minVersion: 'TLSv1.2',
    maxCachedSessions: 0,
    timeout: API_CONNECT_TIMEOUT_MS,
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      checkName(name, certificate) ?? refusalOf(chainOf(certificate), checkServer),
    ...(/^[0-9.]+$|:/.test(name) ? {} : { servername: name }),
  })
}

function refusalOf(chain: readonly Uint8Array[], check: TlsInit['checkServer']): Error | undefined {
  try {
    check?.(chain)
    return undefined
  } catch (error) {
    return error as Error
  }
}

/** The certificates of a verified chain. Node.js links a self-signed one to itself. */
function chainOf(leaf: PeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = []
  let current: PeerCertificate | undefined = leaf
  while (current?.raw !== undefined && chain.length < CHAIN_CERTIFICATES_MAX) {
    chain.push(current.raw)
    const next: PeerCertificate | undefined = (current as { issuerCertificate?: PeerCertificate })
      .issuerCertificate
    if (next === current || next?.fingerprint256 === current.fingerprint256) break
    current = next
  }
  return chain
}
