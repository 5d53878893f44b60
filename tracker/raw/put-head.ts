import type { IncomingHttpHeaders } from 'node:http'
import { InvalidError, LimitError } from '../../src/core/errors.ts'
import { IMAGE_BYTES_MAX } from '../../src/core/limits.ts'
import { type DigestClaim, digestClaims } from './body-digests.ts'

/** What a PUT of bytes says of itself (docs/specs/raw-upload-v1.md). */
export interface PutHead {
  /** `question`: no bytes, the client asks how far an upload is. */
  readonly kind: 'whole' | 'part' | 'question'
  /** Offset in the image of the first byte of the body. */
  readonly start: number
  /** One past its last byte; undefined when only the end of the body says. */
  readonly end: number | undefined
  /** Bytes of the whole image, where the client says so. */
  readonly totalBytes: number | null
  /** Of the body alone; those of the whole are elsewhere. */
  readonly bodyClaims: readonly DigestClaim[]
  /** Of the whole image: sha-256 where it comes in parts. */
  readonly wholeClaims: readonly DigestClaim[]
}

const RANGE = /^bytes (?:(?<first>\d{1,15})-(?<last>\d{1,15})|(?<none>\*))\/(?:(?<total>\d{1,15})|\*)$/

/** Throws InvalidError when the headers are malformed or contradict each other, LimitError when the image is too large. */
export function parsePutHead(headers: IncomingHttpHeaders): PutHead {
  if (!['', 'identity'].includes(headers['content-encoding'] ?? ''))
    throw new InvalidError('Content-Encoding is not for images: send the bytes as they are to be kept')
  const bodyBytes = lengthOf(headers)
  const place = placeOf(headers['content-range'], bodyBytes)
  if ((place.totalBytes ?? 0) > IMAGE_BYTES_MAX)
    throw new LimitError(`an image has at most ${IMAGE_BYTES_MAX} bytes`, {
      data: { limitBytes: IMAGE_BYTES_MAX },
    })
  if (place.kind === 'whole' && bodyBytes === 0) throw empty()
  const claims = digestClaims(headers)
  if (place.kind !== 'whole') {
    const whole = claims.whole.filter(({ algorithm }) => algorithm === 'sha256')
    return { ...place, bodyClaims: claims.body, wholeClaims: whole }
  }
  // The importer makes a sha-256 anyway; others are made as the body comes.
  const all = [...claims.body, ...claims.whole]
  const wholeClaims = all.filter(({ algorithm }) => algorithm === 'sha256')
  return { ...place, bodyClaims: all.filter(({ algorithm }) => algorithm !== 'sha256'), wholeClaims }
}

export function empty(): InvalidError {
  return new InvalidError('an image has at least one byte: nothing was sent')
}

type Place = Omit<PutHead, 'bodyClaims' | 'wholeClaims'>

function lengthOf(headers: IncomingHttpHeaders): number | undefined {
  const length = headers['content-length']
  if (length !== undefined) return Number(length)
  return headers['transfer-encoding'] === undefined ? 0 : undefined
}

function placeOf(range: string | undefined, bodyBytes: number | undefined): Place {
  if (range === undefined) return { kind: 'whole', start: 0, end: bodyBytes, totalBytes: bodyBytes ?? null }
  const { first, last, none, total } = RANGE.exec(range.trim())?.groups ?? {}
  const totalBytes = total === undefined ? null : Number(total)
  if (none !== undefined) {
    if (bodyBytes === 0) return { kind: 'question', start: 0, end: 0, totalBytes }
    throw new InvalidError('Content-Range without a range asks how far the upload is: send no bytes with it')
  }
  if (first === undefined || last === undefined)
    throw new InvalidError('Content-Range is malformed: use "bytes FIRST-LAST/TOTAL" or "bytes */TOTAL"')
  const [start, end] = [Number(first), Number(last) + 1]
  if (end <= start || end > (totalBytes ?? IMAGE_BYTES_MAX))
    throw new InvalidError('Content-Range names bytes that are not there')
  if (bodyBytes !== undefined && bodyBytes !== end - start)
    throw new InvalidError(`Content-Range names ${end - start} bytes and Content-Length ${bodyBytes}`)
  return { kind: 'part', start, end, totalBytes }
}
