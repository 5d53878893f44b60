import { dirname, normalize } from 'node:path'
import { ConfigError } from '../../core/errors.ts'
import type { ServicePlaces } from '../shell.ts'

type Sockets = NonNullable<ServicePlaces['sockets']>

/** Directories of the system below which others keep what is theirs; those at the top are all of that kind. */
const SHARED = [
  ...['/dev/shm', '/run/dbus', '/run/libvirt', '/run/lock', '/run/systemd', '/run/udev', '/usr/local'],
  ...['/var/cache', '/var/lib', '/var/log', '/var/spool'],
]

/**
 * Directories of the sockets of a node: below /run systemd makes them, elsewhere they are made at boot. Throws ConfigError when the node would have to write into a directory of
 * others for that.
 */
export function socketPlaces(sockets: Sockets): {
  /** Relative to /run. */
  readonly runtimeDirectories: readonly string[]
  readonly directories: readonly string[]
} {
  const control = dirname(real(sockets.control))
  const disks = real(sockets.disks)
  const advice = 'Give it a directory of its own, such as /run/bootswarm.'
  checkOwn(control, `control.socket: ${sockets.control}`, advice)
  checkOwn(disks, `disk.socketDirectory: ${sockets.disks}`, advice)
  const all = [control, ...(disks === control || disks.startsWith(`${control}/`) ? [] : [disks])]
  return {
    runtimeDirectories: all.filter(isRuntime).map((path) => path.slice(RUN.length)),
    directories: all.filter((path) => !isRuntime(path)),
  }
}

/** What machines in AppArmor profiles of libvirt get: the sockets of disks, never the node's control socket. Throws ConfigError. */
export function appArmorRules({ control, disks }: Sockets): string {
  return `  ${pattern(`${escaped(real(disks))}/`)} r,
  ${pattern(`${escaped(real(disks))}/*.sock`)} rw,
  audit deny ${pattern(escaped(real(control)))} rw,
`
}

const RUN = '/run/'
const isRuntime = (path: string) => path.startsWith(RUN)

/** As the kernel sees it. */
function real(path: string): string {
  return normalize(path)
    .replace(/^\/var\/run(?=\/|$)/, '/run')
    .replace(/(?<=.)\/$/, '')
}

function checkOwn(directory: string, what: string, advice: string): void {
  const isShared = directory.lastIndexOf('/') === 0 || SHARED.includes(directory)
  if (!isShared) return
  throw new ConfigError(`${what}: a service that may write to ${directory} could harm others`, {
    data: { advice },
  })
}

/** A path in which nothing stands for anything else, as apparmor.d(5) has it. */
function escaped(path: string): string {
  if (/["\n]|@\{/.test(path))
    throw new ConfigError(`${JSON.stringify(path)} cannot be in an AppArmor profile`)
  return path.replace(/[\\*?[\]{}^]/g, '\\$&')
}

const pattern = (text: string) => (/\s/.test(text) ? `"${text}"` : text)
