import { mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConflictError } from '../core/errors.ts'
import type { CertificateAndKey } from './ca.ts'
import { exists, readIdentityFile, readKeyFile } from './files.ts'

/** Where a certificate and its key are written. */
export interface PairPaths {
  readonly certificate: string
  readonly key: string
}

const CERTIFICATE_MODE = 0o644
const KEY_MODE = 0o600

/** Files of a CA in its folder. */
export function caPaths(dir: string): PairPaths {
  return { certificate: join(dir, 'ca.pem'), key: join(dir, 'ca.key') }
}

/** Files of an issued certificate: `name` with what does not belong into a file name replaced by `-`. */
export function issuedPaths(dir: string, name: string): PairPaths {
  const file = name.replace(/[^\p{L}\p{N}_.@-]+/gu, '-').replace(/^[.-]+/, '') || 'certificate'
  return { certificate: join(dir, `${file}.pem`), key: join(dir, `${file}.key`) }
}

/** Reads a CA that `writePair` wrote. Throws CertificateError when a file is missing or its key open to others. */
export async function loadCa(dir: string): Promise<CertificateAndKey> {
  const paths = caPaths(dir)
  const certificatePem = await readIdentityFile(paths.certificate, 'CA certificate')
  const keyPem = await readKeyFile(paths.key, 'CA key')
  return { certificatePem, keyPem: keyPem.toString('utf8') }
}

/** Throws ConflictError when one of the files exists. To be asked before a key is made. */
export async function refuseExisting(paths: PairPaths): Promise<void> {
  for (const path of [paths.key, paths.certificate]) if (await exists(path)) throw taken(path)
}

/**
 * Writes certificate (0644) and key (0600) into a folder that is made where missing, and never over another file.
 * Throws ConflictError; then nothing is left of what it wrote.
 */
export async function writePair(dir: string, paths: PairPaths, pair: CertificateAndKey): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeNew(paths.key, pair.keyPem, KEY_MODE)
  try {
    await writeNew(paths.certificate, pair.certificatePem, CERTIFICATE_MODE)
  } catch (error) {
    await unlink(paths.key)
    throw error
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'EEXIST' ? taken(path) : cause
  })
  try {
    await file.writeFile(text)
    // The umask may have taken bits away that others need to read a certificate.
    await file.chmod(mode)
    await file.sync()
  } catch (error) {
    await unlink(path)
    throw error
  } finally {
    await file.close()
  }
}

function taken(path: string): ConflictError {
  return new ConflictError(`${path} exists and is not overwritten; choose another folder or move it away`, {
    data: { path },
  })
}
