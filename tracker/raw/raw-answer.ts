import type { IncomingHttpHeaders } from 'node:http'
import type { StoredVersion } from '../catalog/image-rows.ts'
import { type ByteRange, matchesEtag, parseRange } from '../http/range.ts'

/** What is said before the bytes of an image, and which of them follow. */
export interface RawAnswer {
  readonly status: 200 | 206 | 304 | 416
  readonly headers: Readonly<Record<string, string | number>>
  /** Undefined when none follow. */
  readonly range: ByteRange | undefined
}

/**
 * What HTTP says to this request for a version (RFC 9110): the entity tag is the manifest CID, conditions by If-None-Match,
 * If-Modified-Since and If-Range, one range at a time.
 */
export function rawAnswer(
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
  version: Pick<StoredVersion, 'manifest' | 'size' | 'createdAtMs'>,
): RawAnswer {
  const { manifest, size, createdAtMs } = version
  const etag = `"${manifest}"`
  const facts = {
    ...{ etag, 'accept-ranges': 'bytes', 'last-modified': new Date(createdAtMs).toUTCString() },
    'x-content-type-options': 'nosniff',
  }
  if (isUnchanged(request.headers, { etag, createdAtMs }))
    return { status: 304, headers: facts, range: undefined }
  const wanted = rangeWanted(request.headers, { etag, lastModified: facts['last-modified'] })
  const range = parseRange(wanted, size)
  if (range === 'unsatisfiable') {
    const none = { 'content-range': `bytes */${size}`, 'content-length': 0 }
    return { status: 416, headers: { ...facts, ...none }, range: undefined }
  }
  const { start, end } = range ?? { start: 0, end: size }
  const headers = { ...facts, 'content-type': 'application/octet-stream', 'content-length': end - start }
  const sent = request.method === 'HEAD' || end === start ? undefined : { start, end }
  if (range === undefined) return { status: 200, headers, range: sent }
  const part = { 'content-range': `bytes ${start}-${end - 1}/${size}` }
  return { status: 206, headers: { ...headers, ...part }, range: sent }
}

/** If-None-Match goes before If-Modified-Since (RFC 9110 section 13.2.2). */
function isUnchanged(
  headers: IncomingHttpHeaders,
  { etag, createdAtMs }: { etag: string; createdAtMs: number },
): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined) return matchesEtag(tags, etag)
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return !Number.isNaN(since) && Math.floor(createdAtMs / 1000) * 1000 <= since
}

/** The Range header, where If-Range does not say that it means another representation. */
function rangeWanted(
  headers: IncomingHttpHeaders,
  { etag, lastModified }: { etag: string; lastModified: string },
): string | undefined {
  const condition = headers['if-range']
  return condition === undefined || condition === etag || condition === lastModified
    ? headers.range
    : undefined
}
