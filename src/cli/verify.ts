import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { type ManifestId, parseManifestId } from '../core/cid.ts'
import { IntegrityError, LimitError, NotFoundError, UsageError } from '../core/errors.ts'
import { JWS_BYTES_MAX } from '../core/limits.ts'
import type { ImageRecord } from '../core/record.ts'
import { formatReference, type Reference } from '../core/reference.ts'
import { Trust } from '../identity/trust.ts'
import type { ImageSource } from '../image/image-source.ts'
import { importImage } from '../image/import.ts'
import type { ImportProgress } from '../image/import-progress.ts'
import { openSource } from '../image/source.ts'
import { StreamSource } from '../image/source-stream.ts'
import type { TrackerSession } from './connect.ts'
import type { ImageVerifyFlags } from './image-verify-flags.ts'
import { type Judgement, openRecord } from './records.ts'
import { loadSettings, need, type SettingFlags } from './settings.ts'
import type { Shell } from './shell.ts'
import { fetchProof } from './signed/fetch-proof.ts'
import { type Check, checkProof, type ProofResult, readProof } from './signed/proof.ts'

/** What was verified; the data of `-o json`. */
export interface Verified {
  readonly verified: true
  readonly reference: string | undefined
  readonly signedBy: string | undefined
  readonly manifest: ManifestId
  readonly size: number
  readonly sha256: string | null
  /** What was looked at and what was not. */
  readonly checks: readonly Check[]
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

/** Everything signed about an image, and its bytes, as the tracker gives them. Errors: SignatureError, IntegrityError. */
export async function verifyImage(
  shell: Shell,
  session: TrackerSession,
  { asked, tools }: { asked: Reference; tools: VerifyTools },
): Promise<Verified> {
  const { signal } = tools
  const { result } = await fetchProof(session, asked, { signal, nowMs: shell.clock.now() })
  const found = await verifyBytes(openRemote(session, result.record, signal), result.record, tools)
  // The bytes were cut again, so that the manifest itself is of no interest.
  const checks = result.checks.filter(({ what }) => what !== 'manifest')
  return verifiedOf({ ...result, checks: [...checks, BYTES_CHECKED] }, { signedBy: session.name, found })
}

/** Opens the bytes of a version at the tracker, as often as they are read. */
export function openRemote(
  session: TrackerSession,
  { namespace, name, version }: ImageRecord,
  signal: AbortSignal,
): () => Promise<ImageSource> {
  const reference: Reference = { namespace, name, version }
  return async () => {
    const bytes = await session.client.raw(reference, {}, { signal })
    return new StreamSource(formatReference(reference), Readable.from(bytes, { objectMode: false }))
  }
}

/** The files of a proof, and with `flags.file` the bytes of an image; asks nobody. */
export async function verifyFiles(
  shell: Shell,
  { asked, flags, tools }: { asked: Reference; flags: ImageVerifyFlags; tools: VerifyTools },
): Promise<Verified> {
  const { judge, signedBy } = await offlineJudge(shell, flags)
  const proof = await readProof(flags.files ?? '.')
  const { record, checks } = await checkProof(proof, asked, judge)
  const { file } = flags
  if (file === undefined) {
    const bytes = {
      what: 'bytes',
      checked: false,
      detail: 'no --file was given: nothing was compared with them',
    }
    return verifiedOf({ record, checks: [...checks, bytes] }, { signedBy, found: record })
  }
  const found = await verifyBytes(() => openSource(file), record, tools)
  return verifiedOf({ record, checks: [...checks, BYTES_CHECKED] }, { signedBy, found })
}

const BYTES_CHECKED: Check = { what: 'bytes', checked: true, detail: 'every byte of the image' }

function verifiedOf(
  { record, checks }: ProofResult,
  { signedBy, found }: { signedBy: string; found: Pick<ImageRecord, 'manifest' | 'size' | 'sha256'> },
): Verified {
  const { namespace, name, version } = record
  const { manifest, size, sha256 } = found
  const reference = formatReference({ namespace, name, version })
  return { verified: true, reference, signedBy, manifest, size, sha256, checks }
}

/** Whom to trust without asking anybody, and as of when: `flags.at`, or now. Errors: ConfigError, CertificateError, InvalidError. */
export async function offlineJudge(
  shell: Shell,
  flags: SettingFlags & { readonly at?: string },
): Promise<{ judge: Judgement; signedBy: string }> {
  const settings = await loadSettings(shell, flags)
  const trust = await Trust.load(need(settings, 'ca'))
  const name = need(settings, 'trackerName')
  const nowMs = flags.at === undefined ? shell.clock.now() : Date.parse(flags.at)
  if (!Number.isFinite(nowMs))
    throw new UsageError('--at is a date such as 2027-01-31 or 2027-01-31T12:00:00Z')
  return { judge: { trust, name, nowMs }, signedBy: name }
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
    return { verified: true, reference: undefined, signedBy: undefined, ...found, checks: [BYTES_CHECKED] }
  }
  const { judge, signedBy } = await offlineJudge(shell, flags)
  const jws = await readRecord(flags.record ?? '')
  const record = await openRecord(jws, undefined, judge)
  const { namespace, name, version } = record
  const found = await verifyBytes(open, record, tools)
  return {
    verified: true,
    reference: formatReference({ namespace, name, version }),
    signedBy,
    ...found,
    checks: [{ what: 'record', checked: true, detail: 'signed by the tracker' }, BYTES_CHECKED],
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
export const CHUNKERS = ['auto', 'gear', 'page-tail'] as const

/**
 * Cuts the bytes again: one image and chunker have one manifest everywhere, so the same CID means the same bytes. Where
 * another chunker was used, the sha-256 decides; without one, the other chunkers are tried.
 */
export async function verifyBytes(
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
export const NOWHERE = {
  has: async (digests: readonly unknown[]) => digests.map(() => true),
  put: async () => {},
}
