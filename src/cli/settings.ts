import { resolve } from 'node:path'
import type { Command } from 'commander'
import { ConfigError, InvalidError, NotFoundError } from '../core/errors.ts'
import { type ConfigFile, type Context, configFilePath, readConfigFile } from './config-file.ts'
import type { Shell } from './shell.ts'

/** Everything that tells a command whom to talk to and who is asking. */
export type SettingKey = 'tracker' | 'trackerName' | 'certificate' | 'key' | 'ca' | 'socket'

/** Flags of the same names as the keys, and `--context`. */
export type SettingFlags = Partial<Record<SettingKey | 'context', string>>

export interface Setting {
  readonly value: string
  /** `--tracker`, `BOOTSWARM_TRACKER`, a file, or `default`. */
  readonly from: string
}

export interface Settings {
  readonly context: string | undefined
  readonly values: Readonly<Partial<Record<SettingKey, Setting>>>
}

interface Rule {
  readonly flag: string
  readonly env: string
  readonly isPath: boolean
  readonly meaning: string
  readonly pick: (context: Context) => string | undefined
}

const RULES: Record<SettingKey, Rule> = {
  tracker: {
    flag: '--tracker',
    env: 'BOOTSWARM_TRACKER',
    isPath: false,
    meaning: 'https:// address of the tracker',
    pick: ({ tracker }) => tracker?.url,
  },
  trackerName: {
    flag: '--tracker-name',
    env: 'BOOTSWARM_TRACKER_NAME',
    isPath: false,
    meaning: "name in the tracker's certificate, where it is not the host of its address",
    pick: ({ tracker }) => tracker?.name,
  },
  certificate: {
    flag: '--certificate',
    env: 'BOOTSWARM_CERTIFICATE',
    isPath: true,
    meaning: 'file with your certificate (PEM)',
    pick: ({ identity }) => identity?.certificate,
  },
  key: {
    flag: '--key',
    env: 'BOOTSWARM_KEY',
    isPath: true,
    meaning: 'file with its private key (PEM)',
    pick: ({ identity }) => identity?.key,
  },
  ca: {
    flag: '--ca',
    env: 'BOOTSWARM_CA',
    isPath: true,
    meaning: 'file with the certificates that you trust (PEM)',
    pick: ({ identity }) => identity?.ca,
  },
  socket: {
    flag: '--socket',
    env: 'BOOTSWARM_SOCKET',
    isPath: true,
    meaning: "control socket of this machine's node",
    pick: ({ node }) => node?.socket,
  },
}

const DEFAULT_SOCKET = '/run/bootswarm/node.sock'

/** Adds `--context` and the flags of these settings to a command. */
export function addSettingOptions(command: Command, keys: readonly SettingKey[]): Command {
  command.optionsGroup('Whom to talk to (else BOOTSWARM_* variables, else the configuration file):')
  command.option('--context <name>', 'context of the configuration file')
  for (const key of keys) {
    const { flag, isPath, meaning } = RULES[key]
    command.option(`${flag} <${isPath ? 'path' : key === 'tracker' ? 'url' : 'name'}>`, meaning)
  }
  return command
}

export const TRACKER_KEYS: readonly SettingKey[] = ['tracker', 'trackerName', 'certificate', 'key', 'ca']
export const NODE_KEYS: readonly SettingKey[] = ['socket']

/** Settings for one command: flags before environment before the context of the file. */
export async function loadSettings(shell: Shell, flags: SettingFlags): Promise<Settings> {
  const { env } = shell.terminal
  const path = configFilePath(env)
  return resolveSettings({ flags, env, path, file: await readConfigFile(path) })
}

export interface Surroundings {
  readonly flags: SettingFlags
  readonly env: Shell['terminal']['env']
  readonly path: string
  readonly file: ConfigFile
}

/** Errors: NotFoundError when the context that was asked for is not in the file. */
export function resolveSettings({ flags, env, path, file }: Surroundings): Settings {
  const name = flags.context ?? (env['BOOTSWARM_CONTEXT'] || undefined) ?? file.current
  const context = name === undefined ? undefined : file.contexts?.[name]
  if (name !== undefined && context === undefined) {
    const known = Object.keys(file.contexts ?? {})
    throw new NotFoundError(`there is no context "${name}" in ${path}`, {
      data: {
        advice: known.length > 0 ? `It has: ${known.join(', ')}` : 'Make one: bootswarm context add --help',
      },
    })
  }
  const values: Partial<Record<SettingKey, Setting>> = {}
  for (const [key, rule] of Object.entries(RULES) as [SettingKey, Rule][]) {
    const setting = findSetting(rule, { flag: flags[key], env: env[rule.env], context, path })
    if (setting !== undefined) values[key] = setting
  }
  values.socket ??= { value: DEFAULT_SOCKET, from: 'default' }
  const host = values.tracker && hostOf(values.tracker.value)
  if (host !== undefined) values.trackerName ??= { value: host, from: 'host of the address' }
  return { context: name, values }
}

interface Sources {
  readonly flag: string | undefined
  readonly env: string | undefined
  readonly context: Context | undefined
  readonly path: string
}

function findSetting(rule: Rule, { flag, env, context, path }: Sources): Setting | undefined {
  const made = (value: string, from: string) => ({ value: rule.isPath ? resolve(value) : value, from })
  if (flag !== undefined) return made(flag, rule.flag)
  if (env) return made(env, rule.env)
  const value = context && rule.pick(context)
  return value === undefined ? undefined : made(value, path)
}

function hostOf(url: string): string {
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:') {
    throw new InvalidError(`"${url.slice(0, 200)}" is not the https:// address of a tracker`)
  }
  return new URL(url).hostname.replace(/^\[|\]$/g, '')
}

/** The value of a setting. Throws ConfigError that says how to give it. */
export function need(settings: Settings, key: SettingKey): string {
  const setting = settings.values[key]
  if (setting !== undefined) return setting.value
  const { flag, env, meaning } = RULES[key]
  throw new ConfigError(`no ${flag.slice(2)} is given: ${meaning}`, {
    data: { advice: `Give ${flag}, set ${env}, or keep it for good: bootswarm context add --help` },
  })
}
