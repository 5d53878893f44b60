import { countOf, DerReader, oidOf, readOnly, TAG } from './der.ts'

/** What a proxy certificate says of itself. */
export interface ProxyInfo {
  /** `rfc`: RFC 3820; `draft`: its draft, as Globus Toolkit 3 wrote it; `legacy`: Globus Toolkit 2, by its name alone. */
  readonly generation: 'rfc' | 'draft' | 'legacy'
  /** Object identifier of the policy language. */
  readonly language: string
  /** Whether a policy is written in that language. */
  readonly hasPolicy: boolean
  /** How many proxies may follow below it; undefined: any number. */
  readonly pathLength: number | undefined
}

/** Reads ProxyCertInfo (RFC 3820 3.8). Throws CertificateError. */
export function parseProxyInfo(value: Uint8Array): ProxyInfo {
  const reader = new DerReader(readOnly(value, TAG.sequence).content)
  const length = reader.optional(TAG.integer)
  const policy = parsePolicy(reader.enter(TAG.sequence))
  reader.end()
  return { generation: 'rfc', ...policy, pathLength: length === undefined ? undefined : countOf(length) }
}

/** Reads ProxyCertInfo of the draft: the policy comes first, and the path length has a tag of its own. Throws CertificateError. */
export function parseDraftProxyInfo(value: Uint8Array): ProxyInfo {
  const reader = new DerReader(readOnly(value, TAG.sequence).content)
  const policy = parsePolicy(reader.enter(TAG.sequence))
  const tagged = reader.optional(0xa1)
  reader.end()
  const pathLength = tagged === undefined ? undefined : countOf(readOnly(tagged.content, TAG.integer))
  return { generation: 'draft', ...policy, pathLength }
}

function parsePolicy(reader: DerReader): Pick<ProxyInfo, 'language' | 'hasPolicy'> {
  const language = oidOf(reader.read(TAG.oid))
  const hasPolicy = reader.optional(TAG.octetString) !== undefined
  reader.end()
  return { language, hasPolicy }
}
