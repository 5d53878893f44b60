import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from '../../src/api/finding.ts'
import { type Examination, failure, ok } from './examination.ts'

/** Where `bootswarm service install` puts the unit. */
const UNIT = 'etc/systemd/system/bootswarm-node.service'

/**
 * Whether the user of the service may read its key and write its data: root, who examines, may do both in any case.
 * `root`: top of the file system with unit and accounts.
 */
export async function checkOwners({ config }: Examination, root = '/'): Promise<Finding[]> {
  const [, user] = (await textOf(join(root, UNIT))).match(/^User=(\S+)$/m) ?? []
  if (user === undefined) return [ok('owners', 'no unit of this node says whose its files are to be')]
  const uid = await userId(user, root)
  if (uid === undefined)
    return [failure('owners', `there is no user ${user}, as whom the service runs`, 'systemd-sysusers')]
  const findings: Finding[] = []
  for (const [what, path] of [
    ['the key', config.identity.key],
    ['the data', config.dataDir],
  ] as const) {
    const owner = (await stat(path).catch(() => undefined))?.uid
    if (owner === undefined || owner === uid) continue
    const found = `${what}, ${path}, belongs to user ${owner}, and the service runs as ${user} (${uid})`
    findings.push(failure('owners', found, `chown ${what === 'the data' ? '-R ' : ''}${user} ${path}`))
  }
  return findings.length === 0 ? [ok('owners', `key and data are those of ${user}`)] : findings
}

/** From /etc/passwd. */
async function userId(name: string, root: string): Promise<number | undefined> {
  const line = (await textOf(join(root, 'etc/passwd')))
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  const id = Number(line?.split(':')[2])
  return line !== undefined && Number.isInteger(id) ? id : undefined
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '')
}
