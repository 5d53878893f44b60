import { open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateError, ConflictError } from '../core/errors.ts'
import { CRL_BYTES_MAX } from '../core/limits.ts'
import { type CrlInit, type IssuedCrl, issueCrl } from './ca-crl.ts'
import { readBytes } from './files.ts'
import { listsOfFile } from './pem.ts'

const LIST_MODE = 0o644

/** Revocation list of a CA in its folder. It is also what remembers which certificates were revoked. */
export function crlPath(dir: string): string {
  return join(dir, 'ca.crl')
}

/**
 * Replaces the list at `path` by the next one, in one step, so that readers never see half of it; makes the first where there
 * is none. Throws ConflictError while another process does the same; CertificateError, InvalidError as `issueCrl`.
 */
export async function updateCrl(path: string, init: Omit<CrlInit, 'before'>): Promise<IssuedCrl> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'wx', LIST_MODE).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cause
    const what = `${temporary} exists: another process changes the list; if none does, remove that file`
    throw new ConflictError(what, { cause, data: { path: temporary } })
  })
  try {
    const issued = issueCrl({ ...init, before: await readBefore(path) })
    await file.writeFile(issued.pem)
    // The umask may have taken bits away that others need to read it.
    await file.chmod(LIST_MODE)
    await file.sync()
    await rename(temporary, path)
    return issued
  } catch (error) {
    await unlink(temporary)
    throw error
  } finally {
    await file.close()
  }
}

async function readBefore(path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await readBytes(path, { what: 'revocation list', bytesMax: 2 * CRL_BYTES_MAX })
    return listsOfFile(bytes, 1)[0]
  } catch (error) {
    if (
      error instanceof CertificateError &&
      (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
    ) {
      return undefined
    }
    throw error
  }
}
