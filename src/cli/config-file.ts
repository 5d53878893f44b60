import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { parseDocument } from 'yaml'
import { parseConfig } from '../util/config-file.ts'

const closed = { additionalProperties: false }
const Text = Type.String({ minLength: 1, maxLength: 4096 })

const Context = Type.Object(
  {
    tracker: Type.Optional(Type.Object({ url: Text, name: Type.Optional(Text) }, closed)),
    /** What is left out is looked for in the usual places. */
    identity: Type.Optional(Type.Partial(Type.Object({ certificate: Text, key: Text, ca: Text }, closed))),
    node: Type.Optional(Type.Object({ socket: Text }, closed)),
  },
  closed,
)

const ConfigFile = Type.Object(
  { current: Type.Optional(Text), contexts: Type.Optional(Type.Record(Text, Context)) },
  closed,
)

export type Context = Static<typeof Context>
export type ConfigFile = Static<typeof ConfigFile>

type Environment = Readonly<Record<string, string | undefined>>

/** `$BOOTSWARM_CONFIG`, else `bootswarm/config.yaml` in the XDG configuration folder. */
export function configFilePath(env: Environment): string {
  const own = env['BOOTSWARM_CONFIG']
  if (own) return resolve(own)
  const base = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config')
  return join(base, 'bootswarm', 'config.yaml')
}

/**
 * Reads the user's configuration; a missing file is an empty one. Paths in it become absolute.
 * Errors: ConfigError that names the file and the key; whatever the disk says.
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const text = await readText(path)
  const isEmpty = parseDocument(text).contents === null
  const config = parseConfig(isEmpty ? '{}' : text, { path, schema: ConfigFile })
  const contexts = Object.entries(config.contexts ?? {})
  return {
    ...config,
    contexts: Object.fromEntries(contexts.map(([name, context]) => [name, absolute(context, dirname(path))])),
  }
}

/**
 * Adds or replaces a context and, when asked or when there is none yet, makes it the current one.
 * Comments in the file stay. Errors: ConfigError when the file is wrong already, which must not be lost.
 */
export async function writeContext(
  path: string,
  name: string,
  change: { context?: Context; current: boolean },
): Promise<void> {
  await readConfigFile(path)
  const document = parseDocument(await readText(path))
  if (document.contents === null) document.contents = document.createNode({}) as never
  if (change.context !== undefined) document.setIn(['contexts', name], document.createNode(change.context))
  if (change.current || !document.has('current')) document.set('current', name)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}.new`
  await writeFile(temporary, document.toString(), { mode: 0o600 })
  await rename(temporary, path)
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
}

function absolute(context: Context, folder: string): Context {
  const { tracker, identity, node } = context
  const at = (path: string) => resolve(folder, path)
  return {
    ...(tracker !== undefined && { tracker }),
    ...(identity !== undefined && {
      identity: Object.fromEntries(Object.entries(identity).map(([name, path]) => [name, at(path)])),
    }),
    ...(node !== undefined && { node: { socket: at(node.socket) } }),
  }
}
