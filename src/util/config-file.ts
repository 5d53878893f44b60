import { readFile } from 'node:fs/promises'
import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { parse } from 'yaml'
import { ConfigError } from '../core/errors.ts'

export interface ListenAddress {
  readonly host: string
  /** 0 stands for any free port. */
  readonly port: number
}

/** Reads a YAML file. Throws ConfigError, which names the file and the key, when it cannot be read or does not fit `schema`. */
export async function readConfigFile<T extends TSchema>(path: string, schema: T): Promise<Static<T>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const advice =
      code === 'EACCES' ? { advice: `Whoever runs the program must be able to read it: ls -l ${path}` } : {}
    throw new ConfigError(`the configuration ${path} cannot be read (${code})`, {
      ...{ cause, data: { path, ...advice } },
    })
  }
  return parseConfig(text, { path, schema })
}

/** Checks the text of the file at `init.path`. Throws ConfigError. */
export function parseConfig<T extends TSchema>(text: string, init: { path: string; schema: T }): Static<T> {
  const value = parseYaml(text, init.path)
  if (Value.Check(init.schema, value)) return value
  const first = Value.Errors(init.schema, value).First()
  const key = first?.path.slice(1).replaceAll('/', '.') || '(the whole file)'
  const data = { path: init.path, key }
  throw new ConfigError(`${init.path}: ${key}: ${first?.message ?? 'wrong form'}`, { data })
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 })
  } catch (cause) {
    throw new ConfigError(`${path} is not YAML: ${(cause as Error).message}`, { cause, data: { path } })
  }
}

/** `host:port` or `[v6]:port`. Throws ConfigError on a port that does not exist. */
export function parseListen(text: string): ListenAddress {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  if (port > 65_535) throw new ConfigError(`${text}: there is no port ${port}`)
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port }
}
