import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateError } from '../core/errors.ts'
import { CRL_BYTES_MAX, TRUST_CERTIFICATES_MAX, TRUST_FILES_MAX } from '../core/limits.ts'
import { checkIsAuthority } from './authorities.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { readBytes, readIdentityFile } from './files.ts'
import type { Defect } from './issuance.ts'
import { certificatesOfPem, listsOfFile } from './pem.ts'
import { RevocationList } from './revocation-list.ts'
import { SigningPolicy } from './signing-policy.ts'

/** Where a site keeps the authorities that it trusts. */
export interface TrustSource {
  /** PEM file, or directory in IGTF layout. */
  readonly ca: string
  /** File or directory of further revocation lists. */
  readonly crl?: string | undefined
  /** Whether nothing counts that an authority without a revocation list has issued; false unless given. */
  readonly crlRequired?: boolean | undefined
}

/** What was read. */
export interface TrustContent {
  readonly certificates: readonly Certificate[]
  /** By SHA-256 of the file's octets or of the PEM block. */
  readonly lists: ReadonlyMap<string, RevocationList>
  readonly policies: readonly SigningPolicy[]
  /** By fingerprint of the authority. */
  readonly defects: ReadonlyMap<string, Defect>
  /** What an operator should mend, one sentence each. */
  readonly problems: readonly string[]
}

/** `<hash>.0`, `<hash>.r0` and `<hash>.signing_policy` with OpenSSL's hashes of either kind, or files with names of their own. */
const NAMES = /^(?:[0-9a-f]{8}\.(?<n>r?\d)|.+\.(?<suffix>pem|crl|signing_policy))$/

/** PEM is a third longer than what it holds. */
const LIST_FILE_BYTES_MAX = Math.ceil(CRL_BYTES_MAX * 1.4)
/** More than one in a PEM file is a bundle. */
const LISTS_MAX = TRUST_CERTIFICATES_MAX

/**
 * Changes whenever a file of this source does: names, inodes, sizes and times. Errors: as `readTrust`.
 */
export async function stampOf({ ca, crl }: TrustSource): Promise<string> {
  const files: string[] = []
  for (const path of crl === undefined ? [ca] : [ca, crl]) files.push(...(await filesOf(path)))
  return await stampOfFiles(files)
}

/** Changes whenever one of these files does; one that is not there is a state too. */
export async function stampOfFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(`${path}\0${await stampOfFile(path)}\0`)
  return hash.digest('hex')
}

/**
 * Reads everything. `before`: what was read last, whose lists are taken over where their octets are the same. A file with
 * a name of its own must be good; in a directory a bad certificate is left out, and an authority with a bad list or policy
 * has a defect, so that one of a hundred does not stop the others. Throws CertificateError.
 */
export async function readTrust(source: TrustSource, before?: TrustContent): Promise<TrustContent> {
  const reading = new Reading(before?.lists ?? new Map())
  await reading.authorities(source.ca)
  if (source.crl !== undefined) await reading.lists(source.crl)
  return reading.done()
}

class Reading {
  readonly #known: ReadonlyMap<string, RevocationList>
  readonly #certificates = new Map<string, Certificate>()
  /** Fingerprints by the part of a file name before its last dot. */
  readonly #byStem = new Map<string, string[]>()
  readonly #lists = new Map<string, RevocationList>()
  readonly #policies = new Map<string, SigningPolicy>()
  readonly #defects = new Map<string, Defect>()
  readonly #problems: string[] = []

  constructor(known: ReadonlyMap<string, RevocationList>) {
    this.#known = known
  }

  async authorities(path: string): Promise<void> {
    if (!(await isDirectory(path, 'CA file'))) return await this.#caFile(path)
    const files = await filesOf(path)
    const kinds = files.map((file) => ({ file, kind: kindOf(file) }))
    for (const { file, kind } of kinds) if (kind === 'certificate') await this.#certificate(file)
    for (const { file, kind } of kinds) if (kind === 'list') await this.#companion(file, 'crl-invalid')
    for (const { file, kind } of kinds) if (kind === 'policy') await this.#companion(file, 'signing-policy')
  }

  /** Lists that stand apart from the authorities: whose a bad one is nobody knows, so it stops everything. */
  async lists(path: string): Promise<void> {
    const isDir = await isDirectory(path, 'revocation list')
    for (const file of await filesOf(path)) if (!isDir || kindOf(file) === 'list') await this.#list(file)
  }

  done(): TrustContent {
    return {
      certificates: [...this.#certificates.values()],
      lists: this.#lists,
      policies: [...this.#policies.values()],
      defects: this.#defects,
      problems: this.#problems,
    }
  }

  async #caFile(path: string): Promise<void> {
    const pem = await readIdentityFile(path, 'CA file')
    try {
      for (const x509 of certificatesOfPem(pem, TRUST_CERTIFICATES_MAX))
        this.#add(parseCertificate(x509), path)
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error
      throw new CertificateError(`CA file ${path}: ${error.message}`, { cause: error, data: error.data })
    }
  }

  async #certificate(path: string): Promise<void> {
    const tolerated = await this.#tolerantly(async () => {
      const pem = await readIdentityFile(path, 'CA file')
      for (const x509 of certificatesOfPem(pem, TRUST_CERTIFICATES_MAX))
        this.#add(parseCertificate(x509), path)
    })
    if (tolerated !== undefined) this.#problems.push(`${path} is left out: ${tolerated.message}`)
  }

  #add(certificate: Certificate, path: string): void {
    checkIsAuthority(certificate)
    const { fingerprint256 } = certificate.x509
    this.#certificates.set(fingerprint256, certificate)
    if (this.#certificates.size > TRUST_CERTIFICATES_MAX) {
      throw new CertificateError(`there are more than ${TRUST_CERTIFICATES_MAX} authorities`)
    }
    const stem = stemOf(path)
    this.#byStem.set(stem, [...(this.#byStem.get(stem) ?? []), fingerprint256])
  }

  /** A list or a policy that stands beside its authority under the same name. */
  async #companion(path: string, reason: Defect['reason']): Promise<void> {
    const read = () => (reason === 'signing-policy' ? this.#policy(path) : this.#list(path))
    const tolerated = await this.#tolerantly(read)
    if (tolerated === undefined) return
    const own = this.#byStem.get(stemOf(path))
    // A list with a name of its own may be of any authority, and to leave it out would be to forget what was revoked.
    if (own === undefined && reason === 'crl-invalid' && path.endsWith('.crl')) throw tolerated
    this.#problems.push(
      `${tolerated.message}${own === undefined ? '' : '; nothing of its authority counts until it is mended'}`,
    )
    for (const fingerprint of own ?? []) this.#defects.set(fingerprint, { reason, what: tolerated.message })
  }

  async #list(path: string): Promise<void> {
    const bytes = await readBytes(path, { what: 'revocation list', bytesMax: LIST_FILE_BYTES_MAX })
    for (const der of listsIn(bytes, path)) {
      const digest = createHash('sha256').update(der).digest('hex')
      const list = this.#lists.get(digest) ?? this.#known.get(digest) ?? RevocationList.parse(der, path)
      this.#lists.set(digest, list)
    }
  }

  async #policy(path: string): Promise<void> {
    const text = await readIdentityFile(path, 'signing policy')
    if (!this.#policies.has(text)) this.#policies.set(text, SigningPolicy.parse(text, path))
  }

  /** The CertificateError of `read`, if it throws one. */
  async #tolerantly(read: () => Promise<void>): Promise<CertificateError | undefined> {
    try {
      await read()
      return undefined
    } catch (error) {
      if (error instanceof CertificateError) return error
      throw error
    }
  }
}

function listsIn(bytes: Buffer, path: string): Uint8Array[] {
  try {
    return listsOfFile(bytes, LISTS_MAX)
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    throw new CertificateError(`revocation list ${path}: ${error.message}`, { cause: error })
  }
}

/** The file itself, or the files of a directory whose names say that they belong here. Dangling links are none. */
async function filesOf(path: string): Promise<string[]> {
  if (!(await isDirectory(path, 'CA file'))) return [path]
  const names = (await readdir(path)).filter((name) => NAMES.test(name)).sort()
  if (names.length > TRUST_FILES_MAX) {
    throw new CertificateError(
      `there are more than ${TRUST_FILES_MAX} files in ${path}; is it a directory of authorities?`,
    )
  }
  const files = names.map((name) => join(path, name))
  const present = await Promise.all(files.map((file) => stampOfFile(file)))
  return files.filter((_, i) => present[i] !== undefined)
}

async function stampOfFile(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function isDirectory(path: string, what: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ENOTDIR') throw cause
    const why = code === 'EACCES' ? 'may not be read by this user' : 'does not exist'
    throw new CertificateError(`${what} ${path} ${why}`, { cause, data: { reason: 'unreadable', path } })
  }
}

function kindOf(path: string): 'certificate' | 'list' | 'policy' {
  if (path.endsWith('.signing_policy')) return 'policy'
  return /\.(?:r\d|crl)$/.test(path) ? 'list' : 'certificate'
}

function stemOf(path: string): string {
  return path.slice(0, path.lastIndexOf('.'))
}
