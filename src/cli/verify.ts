import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { type ManifestId, parseManifestId } from '../core/cid.ts'
import { IntegrityError, LimitError, NotFoundError } from '../core/errors.ts'
import { JWS_BYTES_MAX } from '../core/limits.ts'
import { formatReference, type Reference } from '../core/reference.ts'
import { Trust } from '../identity/trust.ts'
import type { ImageSource } from '../image/image-source.ts'
import { importImage } from '../image/import.ts'
import type { ImportProgress } from '../image/import-progress.ts'
import { openSource } from '../image/source.ts'
import { StreamSource } from '../image/source-stream.ts'
import type { TrackerSession } from './connect.ts'
import type { ImageVerifyFlags } from './image-verify-flags.ts'
import { fetchRecord, openRecord } from './records.ts'
import { loadSettings, need } from './settings.ts'
import type { Shell } from './shell.ts'

/** What was verified; the data of `-o json`. */
export interface Verified {
  readonly verified: true
  readonly reference: string | undefined
  readonly signedBy: string | undefined
  readonly manifest: ManifestId
  readonly size: number
  readonly sha256: string | null
}

export interface VerifyTools {
  readonly signal: AbortSignal
  readonly onProgress: (progress: ImportProgress) => void
}

/** What bytes must be. Without a sha-256 they must be cut into the same manifest. */
interface Expected {
  readonly manifest: ManifestId
  readonly sha256: string | null
}

/** Record and bytes of an image as the tracker gives them. Errors: SignatureError, CertificateError, IntegrityError. */
export async function verifyImage(
  shell: Shell,
  session: TrackerSession,
  { asked, tools }: { asked: Reference; tools: VerifyTools },
): Promise<Verified> {
  const { signal } = tools
  const { record } = await fetchRecord(session, asked, { signal, nowMs: shell.clock.now() })
  const { namespace, name, version } = record
  const reference: Reference = { namespace, name, version }
  const open = async () => {
    const bytes = await session.client.raw(reference, {}, { signal })
    return new StreamSource(formatReference(reference), Readable.from(bytes, { objectMode: false }))
  }
  const found = await verifyBytes(open, record, tools)
  return { verified: true, reference: formatReference(reference), signedBy: session.name, ...found }
}

/** A file against a signed record or a manifest CID; asks nobody. */
export async function verifyFile(
  shell: Shell,
  { target, flags, tools }: { target: string; flags: ImageVerifyFlags; tools: VerifyTools },
): Promise<Verified> {
  const open = () => openSource(target)
  if (flags.manifest !== undefined) {
    parseManifestId(flags.manifest)
    const expected = { manifest: flags.manifest as ManifestId, sha256: null }
    const found = await verifyBytes(open, expected, tools)
    return { verified: true, reference: undefined, signedBy: undefined, ...found }
  }
  const settings = await loadSettings(shell, flags)
  const trust = await Trust.load(need(settings, 'ca'))
  const signer = need(settings, 'trackerName')
  const jws = await readRecord(flags.record ?? '')
  const record = await openRecord(jws, undefined, { trust, name: signer, nowMs: shell.clock.now() })
  const { namespace, name, version } = record
  const found = await verifyBytes(open, record, tools)
  return {
    verified: true,
    reference: formatReference({ namespace, name, version }),
    signedBy: signer,
    ...found,
  }
}

async function readRecord(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw new NotFoundError(`there is no file ${path}`, { cause })
    throw cause
  })
  if (text.length > JWS_BYTES_MAX + 2) throw new LimitError(`${path} is too large for a record`)
  return text.trim()
}

/** What the publisher may have asked for; most images are cut as the first one says. */
const CHUNKERS = ['auto', 'gear', 'page-tail'] as const

/**
 * Cuts the bytes again: one image and chunker have one manifest everywhere, so the same CID means the same bytes. Where
 * another chunker was used, the sha-256 decides; without one, the other chunkers are tried.
 */
async function verifyBytes(
  open: () => Promise<ImageSource>,
  expected: Expected,
  tools: VerifyTools,
): Promise<{ manifest: ManifestId; size: number; sha256: string | null }> {
  for (const chunker of CHUNKERS) {
    const source = await open()
    const { manifest, manifestId } = await importImage({ sink: NOWHERE }, { source, chunker }, tools)
    const sha256 = manifest.sha256 === undefined ? null : Buffer.from(manifest.sha256).toString('hex')
    const same = manifestId === expected.manifest || (sha256 !== null && sha256 === expected.sha256)
    if (same) return { manifest: expected.manifest, size: manifest.size, sha256 }
    if (expected.sha256 !== null || source.name === '-') break
  }
  throw new IntegrityError('the bytes are not those of the image', { data: { manifest: expected.manifest } })
}

/** Holds everything already, so that nothing is compressed, and keeps nothing. */
const NOWHERE = {
  has: async (digests: readonly unknown[]) => digests.map(() => true),
  put: async () => {},
}
