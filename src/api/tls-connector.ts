import { checkServerIdentity as checkName, type PeerCertificate } from 'node:tls'
import { CHAIN_CERTIFICATES_MAX } from '../core/limits.ts'
import { API_CONNECT_TIMEOUT_MS } from '../core/registry-limits.ts'
import { buildConnector } from './undici-client.ts'

/** PEM; a function where it may change. */
export type LivePem = string | (() => string)

export interface TlsInit {
  /** Name that the server's certificate must carry. */
  readonly name: string
  /** Certificate and key of the caller, PEM: leaf first. */
  readonly certificatePem: LivePem
  readonly keyPem: LivePem
  /** Anchors that the server's certificate must lead to, PEM. */
  readonly caPem: LivePem
  /** Judges the server's chain (DER, leaf first) after TLS has; throws to refuse it. */
  readonly checkServer?: ((chain: readonly Uint8Array[]) => void) | undefined
}

type Connector = ReturnType<typeof buildConnector>

interface Pems {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** Connects with certificate, key and anchors as they are at that time. */
export function tlsConnector(init: TlsInit): Connector {
  let last: { readonly text: string; readonly connector: Connector } | undefined
  return (options, callback) => {
    const pems = { cert: now(init.certificatePem), key: now(init.keyPem), ca: now(init.caPem) }
    const text = Object.values(pems).join()
    if (last?.text !== text) last = { text, connector: connectorFor(init, pems) }
    last.connector(options, callback)
  }
}

function now(pem: LivePem): string {
  return typeof pem === 'string' ? pem : pem()
}

function connectorFor({ name, checkServer }: TlsInit, pems: Pems): Connector {
  return buildConnector({
    ...pems,
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
