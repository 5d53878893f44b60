import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { ConfigError, UsageError } from '../../core/errors.ts'
import { type Context, configFilePath, writeContext } from '../config-file.ts'
import type { Shell } from '../shell.ts'

interface Flags {
  readonly repository?: string
  readonly port?: string
  readonly ca?: string
  readonly name: string
}

/** Takes over the settings of an existing Repoman client: nobody has to learn where the tracker is. */
export function addMakeConfigVerb(parent: Command, shell: Shell): void {
  parent
    .command('make-config')
    .alias('mc')
    .description("keep a context made from the configuration of Repoman's client, or from the flags")
    .option('--repository <host>', 'the tracker, where no configuration of Repoman names it')
    .option('--port <port>', 'its port')
    .option('--ca <path>', 'certificates that you trust: a file or a directory')
    .option('--name <context>', 'what the context is called', 'repoman')
    .action(async (flags: Flags) => {
      const { env } = shell.terminal
      const found = await readRepomanConfig(env)
      const context = contextOf(flags, found?.settings ?? new Map(), env)
      const path = configFilePath(env)
      await writeContext(path, flags.name, { context, current: true })
      const from = found === undefined ? '' : `, made from ${found.path}`
      shell.terminal.stderr.write(`kept ${flags.name} in ${path}${from}\n`)
    })
}

type Settings = ReadonlyMap<string, string>

function contextOf(flags: Flags, settings: Settings, env: Shell['terminal']['env']): Context {
  const host = flags.repository ?? settings.get('repository')
  if (host === undefined || host === '')
    throw new UsageError('no configuration of Repoman names a repository: give --repository HOST')
  const port = flags.port ?? settings.get('port') ?? '443'
  if (!/^[0-9]{1,5}$/.test(port) || !/^[a-zA-Z0-9.:[\]-]+$/.test(host))
    throw new ConfigError(`"${host}" with the port "${port}" is not the address of a tracker`)
  const tracker = { tracker: { url: `https://${host}${port === '443' ? '' : `:${port}`}` } }
  const proxy = settings.get('proxy_cert')
  const file = proxy && resolve(proxy.replaceAll('$HOME', env['HOME'] ?? ''))
  const identity = {
    ...(file && { certificate: file, key: file }),
    ...(flags.ca && { ca: resolve(flags.ca) }),
  }
  return { ...tracker, ...(Object.keys(identity).length > 0 && { identity }) }
}

/** The files that Repoman's client reads, the user's own first; undefined when there is none. */
async function readRepomanConfig(
  env: Shell['terminal']['env'],
): Promise<{ path: string; settings: Settings } | undefined> {
  const paths = [
    join(env['HOME'] ?? '/', '.repoman/repoman.conf'),
    env['REPOMAN_CLIENT_CONFIG'],
    '/etc/repoman/repoman.conf',
  ]
  for (const path of paths) {
    const text = path === undefined ? undefined : await readIfThere(path)
    if (path !== undefined && text !== undefined) return { path, settings: parseSettings(text) }
  }
  return undefined
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** `key: value` or `key = value`, whatever the section: no key is in two. */
function parseSettings(text: string): Settings {
  const settings = new Map<string, string>()
  for (const line of text.slice(0, 64 * 1024).split('\n')) {
    const match = /^\s*([a-z_]+)\s*[:=]\s*(.*?)\s*$/.exec(line)
    if (match?.[1] !== undefined) settings.set(match[1], match[2] ?? '')
  }
  return settings
}
