import { NodeConfigSchema } from '../../node/config.ts'
import { TrackerConfigSchema } from '../../tracker/config.ts'
import type { Page } from './command-pages.ts'
import { type Meanings, NODE_KEYS, TRACKER_KEYS } from './key-meanings.ts'
import { bold, escaped, head, lines, section, tagged } from './roff.ts'

/** The part of a JSON schema that configuration files use. */
interface Schema {
  readonly type?: string
  readonly description?: string
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[] | undefined
}

export interface ConfigKey {
  /** As in `tracker.url`. */
  readonly key: string
  readonly required: boolean
  /** What its value may be; empty where that is any text. */
  readonly value: string
}

interface ConfigFile {
  readonly program: 'node' | 'tracker'
  readonly schema: Schema
  readonly meanings: Meanings
}

export const CONFIG_FILES: readonly ConfigFile[] = [
  { program: 'node', schema: NodeConfigSchema, meanings: NODE_KEYS },
  { program: 'tracker', schema: TrackerConfigSchema, meanings: TRACKER_KEYS },
]

export function configPages(init: { version: string }): Page[] {
  return CONFIG_FILES.map((file) => pageOf(file, init))
}

/** Every key that has a value, in the order of the schema. */
export function keysOf(schema: Schema, init: { prefix: string; required: boolean }): ConfigKey[] {
  const { prefix, required } = init
  if (schema.anyOf?.every(({ properties }) => properties !== undefined) === true)
    return schema.anyOf.flatMap((one) => keysOf(one, { prefix, required: false }))
  if (schema.properties === undefined) return [{ key: prefix, required, value: valueText(schema) }]
  return Object.entries(schema.properties).flatMap(([name, property]) =>
    keysOf(property, {
      prefix: prefix === '' ? name : `${prefix}.${name}`,
      required: required && schema.required?.includes(name) === true,
    }),
  )
}

function valueText(schema: Schema): string {
  const { type = '', anyOf, items, minimum, maximum } = schema
  if (schema.const !== undefined) return String(schema.const)
  if (anyOf?.every((one) => one.const !== undefined) === true)
    return `one of ${anyOf.map(valueText).join(', ')}`
  const said = [schema, ...(anyOf ?? [])].find((one) => one.description !== undefined)?.description
  if (said !== undefined) return said
  if (items !== undefined) return 'a list'
  if (type !== 'integer') return type === 'boolean' ? 'true or false' : ''
  const bounds = [minimum, maximum].map((bound) => bound ?? 'any')
  return maximum === undefined || maximum > 2 ** 50
    ? `a whole number from ${bounds[0]} on`
    : `${bounds.join(' to ')}`
}

function pageOf({ program, schema, meanings }: ConfigFile, { version }: { version: string }): Page {
  const name = `bootswarm-${program}.yaml`
  const keys = keysOf(schema, { prefix: '', required: true })
  const text = [
    head({ name, chapter: 5, version }),
    section('name', `${escaped(name)} \\- configuration of the ${program} of Bootswarm\n`),
    section('synopsis', `${bold(`bootswarm ${program} serve --config`)} \\fIfile\\fR\n`),
    section(
      'description',
      lines(
        'A file in YAML. Unknown keys are refused, and so are values that do not fit. Paths are relative to the file. A key such as a.b is the key b below the key a.',
      ),
    ),
    section('keys', keys.map((key) => keyText(key, meanings)).join('')),
    section('see also', `${bold(`bootswarm-${program}-serve`)}(1), ${bold('bootswarm')}(1)\n`),
  ]
  return { file: `${name}.5`, text: text.join('') }
}

function keyText({ key, required, value }: ConfigKey, meanings: Meanings): string {
  const values = value === '' ? '' : `\nValue: ${value}.`
  return tagged(`${bold(key)}${required ? ' (needed)' : ''}`, `${meanings[key] ?? ''}${values}`)
}
