import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** The origin, such as https://tracker.example:8443, that addresses in an answer begin with. */
export type BaseUrl = (request: Pick<FastifyRequest, 'headers' | 'raw'>) => string

const NAME = /^(?<name>[a-zA-Z0-9.-]{1,253})(:(?<port>[0-9]{1,5}))?$/
const IPV6 = /^\[(?<name>[0-9a-fA-F:.]{2,45})\](:(?<port>[0-9]{1,5}))?$/
/** Hosts that are remembered: a tracker has a few names. */
const HOSTS_MAX = 64

/**
 * Addresses as the asker knows the tracker: with the host of the request when the certificate is for it, because a Host header can
 * say anything; else with the certificate's own name. `publicUrl` of the configuration goes before both.
 */
export function baseUrls(
  components: { chain: readonly Pick<X509Certificate, 'checkHost' | 'checkIP' | 'subjectAltName'>[] },
  init: { publicUrl: string | undefined },
): BaseUrl {
  const [certificate] = components.chain
  const { publicUrl } = init
  const ownName = /DNS:([a-zA-Z0-9.-]+)/.exec(certificate?.subjectAltName ?? '')?.[1]
  if (publicUrl !== undefined) return () => publicUrl
  const known = new Map<string, boolean>()
  const isOurs = (host: string, name: string) => {
    const before = known.get(host)
    if (before !== undefined) return before
    const found = isIP(name) === 0 ? certificate?.checkHost(name) : certificate?.checkIP(name)
    const isFor = found !== undefined
    if (known.size < HOSTS_MAX) known.set(host, isFor)
    return isFor
  }
  return ({ headers, raw }) => {
    const host = headers.host ?? ''
    const name = (NAME.exec(host) ?? IPV6.exec(host))?.groups?.['name']
    return name !== undefined && isOurs(host, name)
      ? `https://${host.toLowerCase()}`
      : `https://${ownName ?? 'localhost'}${raw.socket.localPort === undefined ? '' : `:${raw.socket.localPort}`}`
  }
}
