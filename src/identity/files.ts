import { access, type FileHandle, open } from 'node:fs/promises'
import { CertificateError } from '../core/errors.ts'
import { IDENTITY_FILE_BYTES_MAX } from '../core/limits.ts'

/** Text of a certificate file. Throws CertificateError when it is missing, not readable or too large. */
export async function readIdentityFile(path: string, what: string): Promise<string> {
  const file = await openFile(path, what)
  try {
    return (await readBounded(file, { what: `${what} ${path}` })).toString('utf8')
  } finally {
    await file.close()
  }
}

/** Bytes of a file that is no secret. Errors: as `readIdentityFile`. */
export async function readBytes(path: string, init: { what: string; bytesMax: number }): Promise<Buffer> {
  const file = await openFile(path, init.what)
  try {
    return await readBounded(file, { ...init, what: `${init.what} ${path}` })
  } finally {
    await file.close()
  }
}

/** Bytes of a private key. Also throws CertificateError when others than the owner may read or write the file. */
export async function readKeyFile(path: string, what: string): Promise<Buffer> {
  const file = await openFile(path, what)
  try {
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0')
      throw new CertificateError(
        `${what} ${path} is open to its group or to others (mode ${octal}); type: chmod 600 ${quote(path)}`,
        { data: { reason: 'key-permissions', path } },
      )
    }
    return await readBounded(file, { what: `${what} ${path}` })
  } finally {
    await file.close()
  }
}

/** Whether there is anything at `path`. */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw error
  }
}

async function openFile(path: string, what: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const reason =
      code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read by this user' : undefined
    if (reason === undefined) throw cause
    throw new CertificateError(`${what} ${path} ${reason}`, { cause, data: { reason: 'unreadable', path } })
  }
}

async function readBounded(
  file: FileHandle,
  { what, bytesMax = IDENTITY_FILE_BYTES_MAX }: { what: string; bytesMax?: number },
): Promise<Buffer> {
  const stat = await file.stat()
  if (!stat.isFile()) throw new CertificateError(`${what} is not a file`)
  if (stat.size > bytesMax) throw new CertificateError(`${what} is larger than ${bytesMax} bytes`)
  return await file.readFile()
}

function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
