import { open } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { ConfigError } from '../../src/core/errors.ts'
import { CATALOG_FILE_BYTES_MAX } from '../../src/core/registry-limits.ts'

/** Where a PostgreSQL database is: a connection string, or the path of a file that holds one with a secret in it. */
export type PostgresLocation = { readonly postgres: string } | { readonly postgresFile: string }

/**
 * The connection string of a location, complete. Throws ConfigError, which never has a part of it: a string in the configuration that
 * has a password, a file that others may read, text that is no connection string.
 */
export async function postgresAddress(location: PostgresLocation): Promise<string> {
  if ('postgresFile' in location)
    return complete(await readSecret(location.postgresFile), location.postgresFile)
  const address = complete(location.postgres, 'catalog.postgres')
  const { password, searchParams } = new URL(address)
  if (password === '' && !searchParams.has('password')) return address
  throw new ConfigError(
    'catalog.postgres has a password, which others may read: put the connection string into a file of mode 0600 and name it in catalog.postgresFile',
  )
}

/** `where` says where the text comes from. The user is who runs this, as everywhere with PostgreSQL, unless it is given. */
function complete(text: string, where: string): string {
  const url = URL.parse(text)
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol) || url.hash !== '')
    throw new ConfigError(
      `${where} is no connection string such as postgres:///bootswarm?host=/run/postgresql`,
    )
  if (url.pathname.length < 2) throw new ConfigError(`${where} names no database: postgres://HOST/DATABASE`)
  const hasUser = url.username !== '' || url.searchParams.has('user') || process.env['PGUSER'] !== undefined
  if (!hasUser) url.searchParams.set('user', userInfo().username)
  return url.href
}

async function readSecret(path: string): Promise<string> {
  const data = { path }
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new ConfigError(`catalog.postgresFile ${path} cannot be read`, { cause, data })
  })
  try {
    const { mode, size } = await file.stat()
    if ((mode & 0o077) !== 0)
      throw new ConfigError(`${path} is open to its group or to others; type: chmod 600 ${path}`, { data })
    if (size > CATALOG_FILE_BYTES_MAX)
      throw new ConfigError(`${path} is too large for a connection string`, { data })
    return (await file.readFile('utf8')).trim()
  } finally {
    await file.close()
  }
}
