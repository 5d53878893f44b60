import { lstat, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateError } from '../core/errors.ts'
import { exists } from './files.ts'

/** Who looks, and where. */
export interface GridUser {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly uid: number
  /** Home directory. */
  readonly home: string
  /** Where proxies lie; /tmp unless given. */
  readonly proxyDir?: string
  /** /etc/grid-security unless given. */
  readonly gridDir?: string
}

export interface FoundIdentity {
  /** Paths for `loadIdentity`; the same twice for a proxy file. */
  readonly certificate: string
  readonly key: string
  /** What led there, for messages: a variable or a path. */
  readonly source: string
}

const HOST_CERTIFICATES = '/etc/grid-security'

/**
 * Certificate and key where users of grids have them, the first of: $X509_USER_PROXY, /tmp/x509up_u<uid>, $X509_USER_CERT with
 * $X509_USER_KEY, ~/.globus/usercert.pem with userkey.pem; for root also /etc/grid-security/hostcert.pem with hostkey.pem.
 * Undefined when there is none. Throws CertificateError when what is there cannot be used; what is named by a
 * variable is not looked for elsewhere. Contents are for `loadIdentity` to judge.
 */
export async function findIdentityFiles(user: GridUser): Promise<FoundIdentity | undefined> {
  const { env, uid, home, gridDir = HOST_CERTIFICATES } = user
  const named = env['X509_USER_PROXY']
  if (named) return proxyAt(await mustExist(named, 'X509_USER_PROXY'), 'X509_USER_PROXY')
  const usual = join(user.proxyDir ?? '/tmp', `x509up_u${uid}`)
  if (await isOwnFile(usual, uid)) return proxyAt(usual, usual)
  const { X509_USER_CERT: certificate, X509_USER_KEY: key } = env
  if (certificate || key) return await pairOfVariables(certificate, key)
  const globus = join(home, '.globus')
  const own = await pairIn(globus, 'user')
  if (own !== undefined) return own
  if (await exists(join(globus, 'usercred.p12'))) throw convertFirst(globus)
  return uid === 0 ? await pairIn(gridDir, 'host') : undefined
}

/**
 * Directory with the certificates of authorities: $X509_CERT_DIR, ~/.globus/certificates, /etc/grid-security/certificates.
 * Undefined when there is none. Throws CertificateError when the variable names none.
 */
export async function findCaDirectory(user: GridUser): Promise<string | undefined> {
  const { env, home, gridDir = HOST_CERTIFICATES } = user
  const named = env['X509_CERT_DIR']
  if (named) return await mustExist(named, 'X509_CERT_DIR')
  for (const dir of [join(home, '.globus', 'certificates'), join(gridDir, 'certificates')]) {
    if (await exists(dir)) return dir
  }
  return undefined
}

function proxyAt(path: string, source: string): FoundIdentity {
  return { certificate: path, key: path, source }
}

async function pairOfVariables(certificate?: string, key?: string): Promise<FoundIdentity> {
  if (!certificate || !key) {
    const missing = certificate ? 'X509_USER_KEY' : 'X509_USER_CERT'
    throw unusable(
      `${missing} is not set, and its counterpart is; set both, or make a proxy (grid-proxy-init)`,
    )
  }
  await mustExist(certificate, 'X509_USER_CERT')
  await mustExist(key, 'X509_USER_KEY')
  return { certificate, key, source: 'X509_USER_CERT' }
}

async function pairIn(dir: string, kind: 'user' | 'host'): Promise<FoundIdentity | undefined> {
  const certificate = join(dir, `${kind}cert.pem`)
  const key = join(dir, `${kind}key.pem`)
  return (await exists(certificate)) && (await exists(key))
    ? { certificate, key, source: certificate }
    : undefined
}

function convertFirst(globus: string): CertificateError {
  const p12 = join(globus, 'usercred.p12')
  const [certificate, key] = [join(globus, 'usercert.pem'), join(globus, 'userkey.pem')]
  return unusable(
    `PKCS #12 files such as ${p12} are not read. Make a proxy: grid-proxy-init -cert ${p12} -key ${p12}; or convert it: ` +
      `openssl pkcs12 -in ${p12} -clcerts -nokeys -out ${certificate} && ` +
      `openssl pkcs12 -in ${p12} -nocerts -nodes -out ${key} && chmod 600 ${key}`,
    p12,
  )
}

/**
 * Anybody may put a file into /tmp: a proxy of somebody else there would make this user work, and upload, as that person.
 * The sticky bit keeps a file that is the user's own from being replaced.
 */
async function isOwnFile(path: string, uid: number): Promise<boolean> {
  const found = await lstat(path).catch(absent)
  if (found === undefined) return false
  if (found.isFile() && found.uid === uid) return true
  throw unusable(
    `${path} is not a file of the user ${uid}; remove it and make a new proxy (grid-proxy-init)`,
    path,
  )
}

async function mustExist(path: string, variable: string): Promise<string> {
  if ((await stat(path).catch(absent)) !== undefined) return path
  throw unusable(`${variable} names ${path}, which does not exist; make it or unset the variable`, path)
}

/** Turns "there is no such file" into undefined, and nothing else. */
function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
}

function unusable(what: string, path?: string): CertificateError {
  return new CertificateError(what, {
    data: { reason: 'unreadable', ...(path === undefined ? {} : { path }) },
  })
}
