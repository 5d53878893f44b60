import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { StateError } from '../../../src/core/errors.ts'
import { type IdentityPaths, TRACKER_NAME } from '../../../testnet/layout.ts'

const run = promisify(execFile)
/** What both servers and curl choose by themselves; said, so that all have the same. */
const CIPHER = 'TLS_AES_256_GCM_SHA384'

export interface Download {
  readonly port: number
  readonly path: string
  /** Bytes that must come. */
  readonly bytes: number
  readonly identity: IdentityPaths
  /** First byte that is asked for; the whole when left out. */
  readonly start?: number
}

/** Fetches with curl and a client certificate, and throws the bytes away. Throws StateError when it is not all. */
export async function download(init: Download): Promise<void> {
  const { identity, port, start } = init
  const host = `${TRACKER_NAME}:${port}`
  const to = start === undefined ? [] : ['-r', `${start}-${start + init.bytes - 1}`]
  const { stdout } = await run('curl', [
    ...['-sS', '--fail', '--noproxy', '*', '--resolve', `${host}:127.0.0.1`, '-o', '/dev/null'],
    ...['--tlsv1.3', '--tls13-ciphers', CIPHER, '--cacert', identity.ca],
    ...['--cert', identity.certificate, '--key', identity.key, ...to],
    ...['-w', '%{http_code} %{size_download}', `https://${host}${init.path}`],
  ])
  const wanted = `${start === undefined ? 200 : 206} ${init.bytes}`
  if (stdout !== wanted) throw new StateError(`curl got ${stdout} instead of ${wanted}`)
}

/** So many at the same moment; resolves when the last has everything. */
export async function downloads(count: number, of: (client: number) => Download): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, client) => download(of(client))))
}
