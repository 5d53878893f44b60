import { isAbsolute, sep } from 'node:path'
import { ConfigError } from '../../core/errors.ts'
import type { ServicePlaces } from '../shell.ts'
import { resumeUnitText } from './resume-unit.ts'
import { appArmorRules, socketPlaces } from './socket-places.ts'
import { ACCOUNTS, type ServiceProgram, STATE_PARENT, unitText } from './unit.ts'

/** A file of the system that the service of a program consists of. */
export interface ServiceFile {
  readonly path: string
  readonly text: string
  /** Others write into it too: from the first line to the last the text is ours, and theirs stays. */
  readonly isShared?: boolean
}

export interface ServiceInit {
  readonly program: ServiceProgram
  readonly runtime: string
  readonly launcher: string
  readonly config: string
  readonly places: ServicePlaces
}

/** First line of each file. */
export const MARK = '# Written by `bootswarm service install`.'
/** Last line of what is ours in a file of several. */
export const END_MARK = '# End of what `bootswarm service install` wrote.'

/** What ProtectHome and PrivateTmp hide from the service. */
const HIDDEN = ['/home', '/root', '/run/user', '/tmp', '/var/tmp']

/** Every file of a service. Throws ConfigError when it could not run from where this installation lies. */
export function serviceFiles(init: ServiceInit): ServiceFile[] {
  const { program, runtime, launcher, config, places } = init
  const { dataDir } = places
  const sockets = places.sockets && socketPlaces(places.sockets)
  const runtimeDirectories = sockets?.runtimeDirectories ?? []
  const directories = sockets?.directories.filter((path) => !isWithin(path, [dataDir])) ?? []
  const own = [`${STATE_PARENT}/${program}`, ...runtimeDirectories.map((name) => `/run/${name}`)]
  const made = [dataDir, ...directories]
  const writable = [...new Set([...made, ...places.writable])].filter((path) => !isWithin(path, own))
  for (const path of [runtime, launcher, config, ...writable]) checkVisible(path)
  const files = [
    {
      path: `/etc/systemd/system/bootswarm-${program}.service`,
      text: marked(
        `systemctl edit bootswarm-${program}`,
        unitText({ program, runtime, launcher, config, writable, runtimeDirectories }),
      ),
    },
    { path: `/etc/sysusers.d/bootswarm-${program}.conf`, text: marked('sysusers.d(5)', sysusers(program)) },
    {
      path: `/etc/tmpfiles.d/bootswarm-${program}.conf`,
      text: marked(
        'tmpfiles.d(5)',
        tmpfiles(program, { dataDir, directories, writable, readable: [config, ...(places.readable ?? [])] }),
      ),
    },
  ]
  if (places.sockets === undefined) return files
  const rules = marked('apparmor.d(5)', `${appArmorRules(places.sockets)}${END_MARK}\n`)
  const resume = resumeUnitText({ runtime, launcher, control: places.sockets.control })
  return [
    ...files,
    { path: APPARMOR_PATH, text: rules, isShared: true },
    {
      path: '/etc/systemd/system/bootswarm-resume.service',
      text: marked('systemctl edit bootswarm-resume', resume),
    },
  ]
}

function marked(place: string, text: string): string {
  const where = place.startsWith('systemctl')
    ? `What is to be different goes into a drop-in: ${place}`
    : `See ${place}.`
  return `${MARK} ${where}\n${text}`
}

function isWithin(path: string, directories: readonly string[]): boolean {
  return directories.some((directory) => path === directory || path.startsWith(directory + sep))
}

function checkVisible(path: string): void {
  if (!isAbsolute(path) || path.includes('\n'))
    throw new ConfigError(`${JSON.stringify(path)} is no absolute path`)
  const hidden = HIDDEN.find((directory) => isWithin(path, [directory]))
  if (hidden === undefined) return
  const advice = 'Install into /opt/bootswarm, configure in /etc/bootswarm, keep data in /var/lib/bootswarm.'
  throw new ConfigError(`${path}: a service does not see what is below ${hidden}`, { data: { advice } })
}

function sysusers(program: ServiceProgram): string {
  const { user, group, description } = ACCOUNTS[program]
  const groupLine = group === user ? '' : `g ${group} -\n`
  return `${groupLine}u ${user} - "${description}" ${STATE_PARENT}/${program} /usr/sbin/nologin\n`
}

/** The directory of keys, and rights for the service's user where a directory or a file of the configuration belongs to others. */
function tmpfiles(
  program: ServiceProgram,
  init: {
    dataDir: string
    directories: readonly string[]
    writable: readonly string[]
    readable: readonly string[]
  },
): string {
  const { user, group } = ACCOUNTS[program]
  const lines = ['d /etc/bootswarm 0755 root root -']
  for (const path of init.writable) {
    if (init.directories.includes(path)) lines.push(`d ${escaped(path)} 0750 ${user} ${group} -`)
    else if (path === init.dataDir) lines.push(`d ${escaped(path)} 0700 ${user} ${group} -`)
    else lines.push(`a+ ${escaped(path)} - - - - user:${user}:rwx`)
  }
  for (const path of init.readable) lines.push(`a+ ${escaped(path)} - - - - user:${user}:r`)
  return `${lines.join('\n')}\n`
}

function escaped(path: string): string {
  const text = path.replaceAll('%', '%%')
  return /\s|["'\\]/.test(text) ? `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : text
}

/** Debian and Ubuntu include it in the profile that libvirt makes for each machine. */
const APPARMOR_PATH = '/etc/apparmor.d/local/abstractions/libvirt-qemu'
