import { readFile } from 'node:fs/promises'
import type { Clock } from '../../src/core/clock.ts'
import { BootswarmError, ConfigError, InvalidError } from '../../src/core/errors.ts'
import { DN_CHARS_MAX } from '../../src/core/limits.ts'
import { ADMINS_GROUP } from '../../src/core/permission.ts'
import { parseNamespace } from '../../src/core/reference.ts'
import { ADMINS_FILE_BYTES_MAX, EMAIL_CHARS_MAX } from '../../src/core/registry-limits.ts'
import type { UserCatalog } from '../catalog/user-catalog.ts'

/** Somebody who is an admin because the configuration says so. */
export interface FirstAdmin {
  /** Name of the account; where it is left out, one like the common name. */
  readonly name?: string
  readonly email: string | null
  readonly dn: string
}

/** `name,email,dn`, as Repoman had it; the email may be empty. Throws InvalidError. */
export function parseAdmin(line: string): FirstAdmin {
  const [, name = '', email = '', dn = ''] =
    /^([^,]*),([^,]*),(.*)$/s.exec(line)?.map((part) => part.trim()) ?? []
  if (!/^\/[^=]+=.+$/s.test(dn) || dn.length > DN_CHARS_MAX)
    throw new InvalidError(
      'an admin is name,email,dn, such as alice,alice@example.org,/O=Example/OU=users/CN=alice',
    )
  if (email !== '' && (!/^[^\s@]+@[^\s@]+$/.test(email) || email.length > EMAIL_CHARS_MAX))
    throw new InvalidError(`"${email.slice(0, 80)}" is no e-mail address; it may be left empty`)
  return { name: parseNamespace(name), email: email === '' ? null : email, dn }
}

/** Admins of a file: one a line; empty lines and what begins with `#` do not count. Throws ConfigError with the number of the line. */
export async function readAdminsFile(path: string): Promise<FirstAdmin[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new ConfigError(`the file of admins ${path} cannot be read`, { cause, data: { path } })
  }
  if (text.length > ADMINS_FILE_BYTES_MAX)
    throw new ConfigError(`the file of admins ${path} has more than ${ADMINS_FILE_BYTES_MAX} bytes`)
  return parseAdmins(text, path)
}

function parseAdmins(text: string, path: string): FirstAdmin[] {
  const admins: FirstAdmin[] = []
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue
    const at = `${path}, line ${i + 1}`
    try {
      admins.push(parseAdmin(line))
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error
      throw new ConfigError(`${at}: ${error.message}`, { data: { path, line: i + 1 } })
    }
    const { name, dn } = admins.at(-1) ?? {}
    const before = admins.slice(0, -1).find((one) => one.name === name || one.dn === dn)
    if (before !== undefined)
      throw new ConfigError(`${at}: ${before.name} is there already, by name or certificate`, {
        data: { path, line: i + 1 },
      })
  }
  return admins
}

/**
 * Makes sure that those whom the configuration names are users and in the group `admins`; who is new becomes active, the state of an
 * account that exists stays. Throws ConfigError when a name, certificate or address is another's.
 */
export async function appointAdmins(
  components: { users: UserCatalog; clock: Clock },
  init: { admins: readonly string[]; adminsFile: string | undefined },
): Promise<void> {
  const { users, clock } = components
  const listed = init.adminsFile === undefined ? [] : await readAdminsFile(init.adminsFile)
  const named = new Set(listed.map(({ dn }) => dn))
  const bare = init.admins.filter((dn) => !named.has(dn)).map((dn): FirstAdmin => ({ email: null, dn }))
  for (const { name, email, dn } of [...listed, ...bare]) {
    const facts = { dn, email, state: 'active', nowMs: clock.now() } as const
    try {
      const isNew = name !== undefined && (await users.byDn(dn)) === undefined
      if (isNew) await users.create({ ...facts, name }, [ADMINS_GROUP])
      else await users.ensure({ ...facts, wanted: commonNameIn(dn) }, [ADMINS_GROUP])
    } catch (cause) {
      if (!(cause instanceof BootswarmError) || cause.code !== 'E_CONFLICT') throw cause
      throw new ConfigError(`${dn} cannot become an admin: ${cause.message}`, { cause })
    }
  }
}

/** The last CN of a name in slash form. */
function commonNameIn(dn: string): string {
  return /CN=(?<name>(?:\\.|[^/\\])*)(?!.*CN=)/.exec(dn)?.groups?.['name'] ?? 'admin'
}
