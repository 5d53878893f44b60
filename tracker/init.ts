import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { ConflictError, InvalidError, StorageError } from '../src/core/errors.ts'
import { parseAdmin } from './accounts/first-admins.ts'

export interface TrackerInit {
  /** Folder that the files are made in, and that is made where it is missing. */
  readonly dir: string
  /** `name,email,dn` of each first admin. */
  readonly admins: readonly string[]
  readonly listen?: string | undefined
  /** Paths of PEM files, relative to `dir`. */
  readonly certificate?: string | undefined
  readonly key?: string | undefined
  readonly ca?: string | undefined
}

const CONFIG = 'tracker.yaml'
const ADMINS = 'admins.csv'
const DATA = 'data'

/**
 * Writes the configuration of a new tracker, the file of its first admins, and its data folder. Returns the path of the configuration.
 * Errors: InvalidError for an admin, ConflictError when one of the files exists, and nothing is overwritten.
 */
export async function initTracker(init: TrackerInit): Promise<string> {
  if (init.admins.length === 0) throw new InvalidError('a tracker needs an admin: --admin name,email,dn')
  const admins = init.admins.map((line) => {
    if (/[\r\n]/.test(line)) throw new InvalidError('an admin is one line')
    return parseAdmin(line)
  })
  const dir = resolve(init.dir)
  const taken = [CONFIG, ADMINS, DATA].map((name) => join(dir, name)).find(existsSync)
  if (taken !== undefined) throw exists(taken)
  try {
    await mkdir(dir, { recursive: true })
    await mkdir(join(dir, DATA), { mode: 0o700 })
    const lines = admins.map(({ name, email, dn }) => `${name},${email ?? ''},${dn}\n`)
    await writeNew(join(dir, ADMINS), `# name,email,distinguished name of the certificate\n${lines.join('')}`)
    await writeNew(join(dir, CONFIG), configText(init))
  } catch (error) {
    throw failed(dir, error)
  }
  return join(dir, CONFIG)
}

function configText({ listen, certificate, key, ca }: TrackerInit): string {
  const config = {
    dataDir: DATA,
    listen: listen ?? '0.0.0.0:8443',
    identity: { certificate: certificate ?? 'tracker.pem', key: key ?? 'tracker.key', ca: ca ?? 'ca.pem' },
    p2p: { listen: ['/ip4/0.0.0.0/tcp/4001'] },
    adminsFile: ADMINS,
    users: { onFirstContact: 'refuse' },
    metrics: { listen: '127.0.0.1:9443' },
  }
  return `# docs/guides/getting-started.md and docs/guides/accounts.md say what each key means.\n${stringify(config)}`
}

async function writeNew(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx', mode: 0o640 })
}

function failed(dir: string, error: unknown): unknown {
  const { code, path, message } = error as NodeJS.ErrnoException
  if (code === 'EEXIST') return exists(path ?? dir)
  if (code === undefined) return error
  return new StorageError(`the tracker cannot be made in ${dir}: ${message}`, { cause: error })
}

function exists(path: string): ConflictError {
  return new ConflictError(`${path} exists: a tracker that is there is not made again`)
}
