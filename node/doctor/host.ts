import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { runProgram } from '../../src/util/run-program.ts'
import { closedDirectory, REACH_ADVICE } from '../disk/socket-reach.ts'
import { groupId, SOCKET_GROUP } from '../socket-file.ts'
import { type Check, ok, warning } from './examination.ts'

/** The first whose clients connect to NBD again by themselves within their time (`open-timeout` and `reconnect-delay`). */
const QEMU_MAJOR_MIN = 7

/** Where rules for machines of libvirt are, which see no sockets that are not named there. */
const LIBVIRT_PROFILE = '/etc/apparmor.d/abstractions/libvirt-qemu'
const LIBVIRT_RULES = '/etc/apparmor.d/local/abstractions/libvirt-qemu'

export const checkGroup: Check = async ({ config }) => {
  const id = await groupId(SOCKET_GROUP)
  if (id !== undefined) {
    const { socketDirectory } = config.disk
    const closed = await closedDirectory(socketDirectory, id)
    if (closed === undefined)
      return ok('group', `${SOCKET_GROUP} is there, and may reach the sockets of disks`)
    const found = `${SOCKET_GROUP} cannot reach the sockets of disks in ${socketDirectory}: ${closed} is closed to it`
    return warning('group', found, `For this group: ${REACH_ADVICE}.`)
  }
  const advice = 'systemd-sysusers after `bootswarm service install node`, or groupadd --system kvm'
  return warning(
    'group',
    `there is no group ${SOCKET_GROUP}: only root and the user of the node use its sockets`,
    advice,
  )
}

export const checkQemu: Check = async ({ signal }) => {
  const end = await runProgram(['qemu-img', '--version'], { signal })
  const advice = 'apt install qemu-utils'
  if (end?.code !== 0) return warning('qemu', 'qemu-img is not here: overlays cannot be made', advice)
  const [, version = 'unknown'] = end.stdout.match(/version (\S+)/) ?? []
  if (Number.parseInt(version, 10) >= QEMU_MAJOR_MIN) return ok('qemu', `qemu-img ${version}`)
  const found = `qemu-img ${version}: machines may not live through a restart of the node`
  return warning('qemu', found, `QEMU ${QEMU_MAJOR_MIN}.0 or later waits for it.`)
}

/** Labels that keep machines away from sockets which their file permissions let them use. */
export const checkLabels: Check = async ({ config }) => {
  const directory = dirname(config.disk.socketDirectory)
  if ((await textOf('/sys/fs/selinux/enforce')).startsWith('1')) {
    const advice = 'See docs/guides/service.md; ausearch -m avc -ts recent shows what was denied.'
    return warning('labels', 'SELinux is enforced: machines need a rule to connect', advice)
  }
  if (!(await textOf('/sys/module/apparmor/parameters/enabled')).startsWith('Y')) {
    return ok('labels', 'neither AppArmor nor SELinux is enforced')
  }
  if ((await textOf(LIBVIRT_PROFILE)) === '') return ok('labels', 'AppArmor, without profiles for machines')
  if ((await textOf(LIBVIRT_RULES)).includes(`${directory}/`)) {
    return ok('labels', `AppArmor lets machines use ${directory}`)
  }
  const advice =
    '`bootswarm service install node` writes the rules; machines that are started then have them.'
  return warning('labels', `AppArmor keeps machines of libvirt out of ${directory}`, advice)
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '')
}
