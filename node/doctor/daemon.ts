import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DiskObject } from '../../src/api/disk-schemas.ts'
import type { Finding } from '../../src/api/finding.ts'
import { NodeClient } from '../../src/api/node-client.ts'
import { DISK_RETRY_MS } from '../../src/core/disk-limits.ts'
import { packageVersion } from '../../src/util/package-version.ts'
import { groupId } from '../socket-file.ts'
import { type Check, failure, ok, warning } from './examination.ts'

/** Below this a busy node runs out: 512 connections of peers, some packs, 20 disks with their clients. */
const OPEN_FILES_MIN = 8192
const START = 'Start it: systemctl start bootswarm-node; journalctl -u bootswarm-node says why it ended.'
/** Longer than anything is being written. */
const PARTIAL_AGE_MS = 3_600_000

/** The daemon runs, and those who run machines may speak to it, nobody else. */
export const checkControlSocket: Check = async ({ config, status }) => {
  const { socket } = config.control
  const file = await stat(socket).catch(() => undefined)
  if (file === undefined) return failure('socket', `${socket} is not there: no daemon runs`, START)
  if (!file.isSocket()) return failure('socket', `${socket} is no socket`, 'Name another in control.socket.')
  const octal = (file.mode & 0o777).toString(8)
  if ((file.mode & 0o007) !== 0) {
    return failure('socket', `${socket} is open to everybody (mode ${octal})`, `chmod 660 ${socket}`)
  }
  const answer = await status
  if (answer === undefined) {
    const held = await holderOf(config.dataDir)
    const found =
      held === undefined ? 'nobody answers at' : `process ${held} has the data, and does not answer at`
    return failure('socket', `${found} ${socket}`, held === undefined ? START : 'Is this its configuration?')
  }
  if (answer.version !== packageVersion()) {
    const found = `the daemon is ${answer.version}, this command ${packageVersion()}`
    return warning('socket', found, 'Restart the daemon: systemctl restart bootswarm-node')
  }
  const kvm = await groupId('kvm')
  if (kvm !== undefined && file.gid !== kvm) {
    const advice = 'Run it as root or with Group=kvm, as `bootswarm service install` does.'
    return warning('socket', `${socket} is not of the group kvm: only its user and root use it`, advice)
  }
  return ok('socket', `${socket}, mode ${octal}, Bootswarm ${answer.version}`)
}

export const checkEnrolment: Check = async ({ status }) => {
  const answer = await status
  if (answer === undefined) return warning('enrolment', 'not known: the daemon does not answer', START)
  const { state, name = 'this node', reason, passUntil } = answer.enrolment
  if (state === 'active')
    return ok('enrolment', `${name} is active, pass until ${passUntil ?? 'the next one'}`)
  const why = reason === undefined ? '' : `: ${reason}`
  const advice =
    state === 'unknown'
      ? 'The tracker has not answered it yet: see the check of the tracker.'
      : `An admin can let it in: bootswarm node approve ${name}`
  return failure('enrolment', `${name} is ${state}${why}`, advice)
}

/** Peers come with images: none is no fault by itself. */
export const checkPeers: Check = async ({ status }) => {
  const answer = await status
  if (answer === undefined) return warning('peers', 'not known: the daemon does not answer', START)
  const { peers, pulls, tracker } = answer
  if (pulls.length > 0 && peers === 0) {
    const advice =
      'Must this host reach p2p.listen of the others (4002) and of the tracker (4001)? Look at the firewalls.'
    return warning('peers', `${pulls.length} images are to come, and no peer is connected`, advice)
  }
  if (tracker.reachable === false) {
    return warning(
      'peers',
      `${peers} connected; the daemon cannot reach the tracker`,
      'See the check of the tracker.',
    )
  }
  return ok('peers', `${peers} connected`)
}

/** Disks whose machines wait, and those that did not come back. */
export async function checkDisks({ config, status, signal }: Parameters<Check>[0]): Promise<Finding[]> {
  if ((await status) === undefined) return [warning('disks', 'not known: the daemon does not answer', START)]
  const client = new NodeClient(config.control)
  try {
    const disks = await client.disks.list({ signal })
    const bad = disks.filter(
      ({ state, reason, fillReason }) => state !== 'ready' || (reason ?? fillReason) !== undefined,
    )
    const nowhere =
      'Its blocks come from nowhere: see the checks of tracker and peers, and bootswarm disk stat.'
    const waits = 'What is here is read all the same; the rest comes when the reason is gone.'
    const again = `It is not there for its machines; the node tries again every ${DISK_RETRY_MS / 1000} s.`
    const finding = ({ name, state, fillReason, reason = fillReason }: DiskObject) => {
      const found = `${name} is ${state}${reason === undefined ? '' : `: ${reason}`}`
      const advice = state === 'unavailable' ? again : reason === undefined ? nowhere : waits
      return state === 'ready' ? warning('disks', found, advice) : failure('disks', found, advice)
    }
    if (bad.length > 0) return bad.map(finding)
    return [ok('disks', `${disks.length} attached`)]
  } finally {
    await client.close()
  }
}

/** What a crash or a kill can leave behind. */
export async function checkLeftovers({ config, clock, status }: Parameters<Check>[0]): Promise<Finding[]> {
  const names = await readdir(config.dataDir).catch(() => [])
  const partial: string[] = []
  for (const name of names.filter((it) => it.endsWith('.partial'))) {
    const file = await stat(join(config.dataDir, name)).catch(() => undefined)
    if (file !== undefined && clock.now() - file.mtimeMs > PARTIAL_AGE_MS)
      partial.push(join(config.dataDir, name))
  }
  const { socket } = config.control
  const stale =
    (await status) === undefined && (await stat(socket).catch(() => undefined))?.isSocket() === true
  const findings = [
    ...(partial.length === 0 ? [] : [warning('leftovers', partial.join(', '), `rm ${partial.join(' ')}`)]),
    ...(stale
      ? [warning('leftovers', `${socket} of a daemon that is gone`, 'The next start replaces it.')]
      : []),
  ]
  return findings.length === 0 ? [ok('leftovers', 'none')] : findings
}

/** Of the daemon where it runs, else of this shell, which need not have the same. */
export const checkOpenFiles: Check = async ({ config }) => {
  const pid = await holderOf(config.dataDir)
  const text = await readFile(`/proc/${pid ?? 'self'}/limits`, 'utf8').catch(() => '')
  const [, soft] = text.match(/^Max open files +(\d+|unlimited) /m) ?? []
  if (soft === undefined) return warning('files', 'the limit of open files cannot be read', 'Run it as root.')
  const whose = pid === undefined ? 'this shell (no daemon runs)' : `the daemon, process ${pid}`
  const found = `${soft} open files for ${whose}`
  if (soft === 'unlimited' || Number(soft) >= OPEN_FILES_MIN || pid === undefined) return ok('files', found)
  return warning('files', found, `LimitNOFILE=65536 in its unit; ${OPEN_FILES_MIN} at least.`)
}

/** The process that has the data directory open. */
async function holderOf(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, 'blocks', 'lock.pid'), 'utf8').catch(() => '')
  const pid = Number.parseInt(text, 10)
  const runs = pid > 0 && (await stat(`/proc/${pid}`).catch(() => undefined)) !== undefined
  return runs ? pid : undefined
}
