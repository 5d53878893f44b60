import { NotFoundError, SignatureError } from '../core/errors.ts'
import { type ImageRecord, parseRecord, RECORD_TYPE } from '../core/record.ts'
import { formatReference, type Reference } from '../core/reference.ts'
import { verifyJws } from '../identity/jws.ts'
import type { Trust } from '../identity/trust.ts'
import type { TrackerSession } from './connect.ts'

/** How to judge a record: whom to trust, and the tracker's name that it must be signed in. */
export interface Judgement {
  readonly trust: Trust
  readonly name: string
  readonly nowMs: number
}

/**
 * Verifies a record that may come from anybody, and that it says what was asked for.
 * Errors: SignatureError, CertificateError, InvalidError.
 */
export async function openRecord(
  jws: string,
  asked: Reference | undefined,
  { trust, name, nowMs }: Judgement,
): Promise<ImageRecord> {
  const { claims } = await verifyJws(jws, { trust, typ: RECORD_TYPE, nowMs, host: name })
  const record = parseRecord(claims)
  if (asked !== undefined && !answers(record, asked)) {
    throw new SignatureError(
      `the record is of ${record.namespace}/${record.name}@${record.version}, not of ${formatReference(asked)}`,
    )
  }
  return record
}

function answers(record: ImageRecord, asked: Reference): boolean {
  return (
    record.namespace === asked.namespace &&
    record.name === asked.name &&
    (asked.version === undefined || asked.version === record.version) &&
    (asked.manifest === undefined || asked.manifest === record.manifest)
  )
}

/** The verified record of an image version, with the signed text of it. */
export async function fetchRecord(
  { client, identity, name }: TrackerSession,
  asked: Reference,
  options: { signal: AbortSignal; nowMs: number },
): Promise<{ jws: string; record: ImageRecord }> {
  const jws = await client.record(asked, { signal: options.signal })
  return { jws, record: await openRecord(jws, asked, { trust: identity.trust, name, nowMs: options.nowMs }) }
}

/** Version that a reference means, from what the tracker says of the image. */
export function versionOf(
  image: { tags: Record<string, number>; versions: readonly { version: number; manifest: string }[] },
  asked: Reference,
): number {
  const { tag = 'latest', version, manifest } = asked
  const found =
    version !== undefined || manifest !== undefined
      ? image.versions.find((one) => one.version === version || one.manifest === manifest)?.version
      : image.tags[tag]
  if (found === undefined)
    throw new NotFoundError(`there is no ${formatReference({ ...asked })} of that tag or version`)
  return found
}
