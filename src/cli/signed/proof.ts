import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Acl, imageTarget, namespaceTarget } from '../../core/acl.ts'
import { digestOf, manifestIdOf } from '../../core/cid.ts'
import {
  CertificateError,
  ConflictError,
  InvalidError,
  NotFoundError,
  SignatureError,
} from '../../core/errors.ts'
import { JWS_BYTES_MAX, MANIFEST_BYTES_MAX } from '../../core/limits.ts'
import { decodeManifest } from '../../core/manifest.ts'
import { type ImageRecord, isRecord, type RecordStatement } from '../../core/record.ts'
import type { Reference } from '../../core/reference.ts'
import type { Judgement } from '../records.ts'
import { type VerifiedChain, verifyAclChain, verifyRecordChain } from './chain.ts'
import { chainText, readChain, readProofFile } from './files.ts'
import { verifyPublication } from './publication.ts'

/** Files of a proof, all but the first optional. Their names are fixed, so that nothing in them says where to look. */
export const PROOF_FILES = {
  records: 'records.jws',
  publication: 'publication.jws',
  imageAcl: 'image-acl.jws',
  namespaceAcl: 'namespace-acl.jws',
  manifest: 'manifest.cbor',
  ca: 'ca.pem',
  readme: 'README.txt',
} as const

/** What a proof consists of. */
export interface Proof {
  readonly records: readonly string[]
  readonly publication?: string | undefined
  readonly imageAcl?: readonly string[] | undefined
  readonly namespaceAcl?: readonly string[] | undefined
  readonly manifest?: Uint8Array | undefined
}

/** Something that was looked at, or that could not be. */
export interface Check {
  readonly what: string
  readonly checked: boolean
  /** What was found, or why it was not looked at. */
  readonly detail: string
}

export interface ProofResult {
  readonly record: ImageRecord
  readonly checks: readonly Check[]
}

/** Writes a proof into a folder that is made, or empty of such files. Throws ConflictError when there is one. */
export async function writeProof(
  dir: string,
  proof: Proof,
  more: { ca: string; readme: string },
): Promise<void> {
  await mkdir(dir, { recursive: true })
  const files: [keyof typeof PROOF_FILES, string | Uint8Array | undefined][] = [
    ['records', chainText(proof.records)],
    ['publication', proof.publication === undefined ? undefined : `${proof.publication}\n`],
    ['imageAcl', proof.imageAcl && chainText(proof.imageAcl)],
    ['namespaceAcl', proof.namespaceAcl && chainText(proof.namespaceAcl)],
    ['manifest', proof.manifest],
    ['ca', more.ca],
    ['readme', more.readme],
  ]
  for (const [name, content] of files) {
    if (content === undefined) continue
    const path = join(dir, PROOF_FILES[name])
    await writeFile(path, content, { flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause
      throw new ConflictError(`${path} exists: write the proof into a folder of its own`, { cause })
    })
  }
}

/** Errors: NotFoundError when there is no chain of records, LimitError, InvalidError. */
export async function readProof(dir: string): Promise<Proof> {
  const chain = (name: 'imageAcl' | 'namespaceAcl') =>
    readChain(join(dir, PROOF_FILES[name])).catch(unlessMissing)
  const file = (name: 'publication' | 'manifest') =>
    readProofFile(join(dir, PROOF_FILES[name])).catch(unlessMissing)
  const publication = (await file('publication'))?.toString('utf8').trim()
  if ((publication?.length ?? 0) > JWS_BYTES_MAX) throw new InvalidError('the publication is too large')
  return {
    records: await readChain(join(dir, PROOF_FILES.records)),
    publication,
    imageAcl: await chain('imageAcl'),
    namespaceAcl: await chain('namespaceAcl'),
    manifest: await file('manifest'),
  }
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof NotFoundError) return undefined
  throw error
}

/**
 * Checks everything in a proof of an image version, asking nobody. Without a version in `asked`, the highest that there is. The first thing
 * that is wrong is thrown: SignatureError, CertificateError, InvalidError, NotFoundError when the chain has no such version.
 */
export async function checkProof(proof: Proof, asked: Reference, judge: Judgement): Promise<ProofResult> {
  const checks: Check[] = []
  try {
    const { record, chain } = await checkRecords(proof, { asked, judge, checks })
    await checkPublisher(proof, { record, chain, judge, checks })
    await checkAcls(proof, { record, judge, checks })
    checkManifest(proof, { record, checks })
    return { record, checks }
  } catch (error) {
    throw failureAfter(checks, error)
  }
}

/** What is wrong with a proof is that it does not verify, whichever part of it; and what was right before is said. */
function failureAfter(checks: readonly Check[], error: unknown): unknown {
  const isOurs =
    error instanceof CertificateError || error instanceof InvalidError || error instanceof SignatureError
  if (!isOurs) return error
  const right = checks.flatMap(({ what, checked }) => (checked ? [what] : []))
  const before = right.length === 0 ? 'nothing before it was checked' : `right before it: ${right.join(', ')}`
  return new SignatureError(`${error.message} (${before})`, { cause: error, data: { checked: right } })
}

interface Checking {
  readonly record: ImageRecord
  readonly judge: Judgement
  readonly checks: Check[]
}

async function checkRecords(
  { records }: Proof,
  { asked, judge, checks }: { asked: Reference; judge: Judgement; checks: Check[] },
): Promise<{ record: ImageRecord; chain: VerifiedChain<RecordStatement> }> {
  const chain = await verifyRecordChain(records, judge)
  const { standing } = chain
  const version = asked.version ?? versionOf(standing.versions, asked) ?? 0
  const record = standing.versions.get(version)?.record
  const named = `${asked.namespace}/${asked.name}`
  if (record === undefined) {
    const there = [...standing.versions.keys()].sort((a, b) => a - b).join(', ')
    throw new NotFoundError(
      `the records have no such version of ${named}; they have ${there === '' ? 'none' : there}`,
    )
  }
  if (record.namespace !== asked.namespace || record.name !== asked.name)
    throw new SignatureError(`the records are of ${record.namespace}/${record.name}, not of ${named}`)
  if (asked.manifest !== undefined && asked.manifest !== record.manifest)
    throw new SignatureError(`the records say that ${named}@${version} is ${record.manifest}`)
  checks.push({ what: 'records', checked: true, detail: describeChain(chain) })
  return { record, chain }
}

function versionOf(
  versions: ReadonlyMap<number, { record: ImageRecord }>,
  asked: Reference,
): number | undefined {
  const found = [...versions.values()].filter(
    ({ record }) => asked.manifest === undefined || record.manifest === asked.manifest,
  )
  return found.map(({ record }) => record.version).sort((a, b) => b - a)[0]
}

async function checkPublisher(
  proof: Proof,
  { record, chain, judge, checks }: Checking & { chain: VerifiedChain<RecordStatement> },
): Promise<void> {
  const what = 'publisher'
  if (record.signature === null) {
    if (proof.publication !== undefined)
      throw new SignatureError('the record names no signature of a publisher')
    checks.push({ what, checked: false, detail: 'nobody but the tracker has signed this version' })
    return
  }
  if (proof.publication === undefined) {
    const detail = `${PROOF_FILES.publication} is missing: that ${record.signature.signer} signed is what the tracker says`
    checks.push({ what, checked: false, detail })
    return
  }
  const named = firstWith(chain, record)
  const { signer, at, proxyDepth } = await verifyPublication(proof.publication, { record, named, judge })
  const proxies = proxyDepth === 0 ? '' : `, with a proxy of depth ${proxyDepth}`
  checks.push({
    what,
    checked: true,
    detail: `${signer} signed these bytes${proxies}; attested ${at.toISOString()}`,
  })
}

/** The record that first named the signature: under the name that was signed. */
function firstWith({ statements }: VerifiedChain<RecordStatement>, record: ImageRecord): ImageRecord {
  for (const { statement } of statements)
    if (isRecord(statement) && statement.signature?.digest === record.signature?.digest) return statement
  return record
}

async function checkAcls(proof: Proof, { record, judge, checks }: Checking): Promise<void> {
  const places = [
    { what: 'ACL of the image', file: 'imageAcl', target: imageTarget(record.image) },
    { what: 'ACL of the namespace', file: 'namespaceAcl', target: namespaceTarget(record.namespace) },
  ] as const
  for (const { what, file, target } of places) {
    const tokens = proof[file]
    if (tokens === undefined) {
      checks.push({
        what,
        checked: false,
        detail: `${PROOF_FILES[file]} is missing: who may do what is not known`,
      })
      continue
    }
    const chain = await verifyAclChain(tokens, judge)
    const acl = chain.newest.statement
    if (acl.target !== target)
      throw new SignatureError(`${PROOF_FILES[file]} has the ${what} of ${acl.target}`)
    if (acl.name !== null && (acl.name !== record.name || acl.namespace !== record.namespace))
      throw new SignatureError(`the ACL is of ${acl.namespace}/${acl.name}: the files are not of one time`)
    checks.push({ what, checked: true, detail: `${describeChain(chain)}; ${describeAcl(acl)}` })
  }
}

function checkManifest({ manifest }: Proof, { record, checks }: Omit<Checking, 'judge'>): void {
  const what = 'manifest'
  if (manifest === undefined) {
    checks.push({ what, checked: false, detail: `${PROOF_FILES.manifest} is missing` })
    return
  }
  if (manifest.length > MANIFEST_BYTES_MAX) throw new InvalidError('the manifest is too large')
  if (manifestIdOf(digestOf(manifest)) !== record.manifest)
    throw new SignatureError(`${PROOF_FILES.manifest} is not the manifest that the record names`)
  const { size, sha256, segments } = decodeManifest(manifest)
  const whole = sha256 === undefined ? null : Buffer.from(sha256).toString('hex')
  if (size !== record.size || whole !== record.sha256)
    throw new SignatureError('the record gives another size or digest than its manifest')
  checks.push({ what, checked: true, detail: `${segments.length} segments, the digest of each` })
}

export function describeChain<T>({ statements, gaps }: VerifiedChain<T>): string {
  const signed = `${statements.length} signed statement${statements.length === 1 ? '' : 's'}`
  if (gaps.length === 0) return `${signed}, each naming the one before`
  const lost = gaps.map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`)).join(', ')
  return `${signed}; an admin went on after a loss of ${lost}`
}

export function describeAcl({ version, owner, entries, ended, iat }: Acl): string {
  const rights = entries.map(
    ({ kind, subject, right }) => `${subject === '' ? kind : `${kind}:${subject}`}=${right}`,
  )
  const given = rights.length === 0 ? 'nothing to anybody else' : rights.join(' ')
  const date = new Date(iat * 1000).toISOString()
  return `version ${version} of ${date}: ${owner.kind}:${owner.subject} owns it, ${given}${ended ? ', ended' : ''}`
}
