import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { InvalidError } from '../core/errors.ts'

/** A value that came as text and has no type of its own; null where XML says that there is none. */
export type TextValue = string | null | TextFields

/** Fields of a form, an element of XML, a query or a path. A name may come several times. */
export class TextFields {
  readonly entries: readonly (readonly [name: string, value: TextValue])[]
  /** Forms of old clients have fields that nobody asked for. */
  readonly isForm: boolean

  constructor(init: { entries: readonly (readonly [string, TextValue])[]; isForm?: boolean }) {
    this.entries = init.entries
    this.isForm = init.isForm ?? false
  }
}

/**
 * Option of an object schema: fields of a form that the schema does not know are dropped, as Repoman did. What came as
 * JSON or XML is refused all the same when the schema is closed.
 */
export const ignoresUnknownInForms = { 'x-unknown-form-fields': 'ignored' } as const

/** Option of a schema: the advice to whoever sends what does not fit it. */
export const ruleOf = (advice: string) => ({ 'x-rule': advice }) as const

const YES: ReadonlySet<string> = new Set(['true', '1', 'yes', 'on'])
const NO: ReadonlySet<string> = new Set(['false', '0', 'no', 'off', ''])
/** Whole numbers that a double holds exactly. */
const INTEGER = /^-?(0|[1-9][0-9]{0,14})$/
const NUMBER = /^-?[0-9]{1,15}(\.[0-9]{1,15})?$/

/**
 * Texts as the values that the schema wants: numbers; `True`, `yes`, `1` and the like; lists, comma-separated or
 * repeated; nothing as null where null is allowed. What does not fit stays as it is, for the check to refuse. Throws
 * InvalidError when a single value is given twice.
 */
export function convertTexts(schema: TSchema, fields: TextFields): Record<string, unknown> {
  const grouped = Map.groupBy(fields.entries, ([name]) => name)
  if (grouped.has('__proto__')) throw new InvalidError('a field must not be called __proto__')
  const isIgnored = (name: string) =>
    fields.isForm && schema['x-unknown-form-fields'] === 'ignored' && fieldSchema(schema, name) === undefined
  const known = [...grouped].filter(([name]) => !isIgnored(name))
  return Object.fromEntries(
    known.map(([name, entries]) => {
      const values = entries.map(([, value]) => value)
      return [name, convertField(fieldSchema(schema, name), { name, values })]
    }),
  )
}

/** Schema of one field; undefined where the schema says nothing of it. */
function fieldSchema(schema: TSchema, name: string): TSchema | undefined {
  const own: TSchema | undefined = Object.hasOwn(schema['properties'] ?? {}, name)
    ? schema['properties'][name]
    : undefined
  if (own !== undefined) return own
  const patterns = Object.entries<TSchema>(schema['patternProperties'] ?? {})
  const fitting = patterns.find(([pattern]) => new RegExp(pattern).test(name))
  return fitting?.[1]
}

function convertField(
  schema: TSchema | undefined,
  { name, values }: { name: string; values: readonly TextValue[] },
): unknown {
  const list = schema === undefined ? undefined : alternatives(schema).find((one) => one['type'] === 'array')
  if (list !== undefined) return values.flatMap((value) => convertItems(list['items'], value))
  const [value = '', ...more] = values
  if (more.length === 0) return convertValue(schema, value)
  if (schema !== undefined && !isOpen(schema)) throw new InvalidError(`${name.slice(0, 80)} is given twice`)
  return values.map((one) => convertValue(schema, one))
}

function convertItems(schema: TSchema | undefined, value: TextValue): unknown[] {
  if (value === null) return []
  if (value instanceof TextFields) return value.entries.map(([, item]) => convertValue(schema, item))
  const words = value.split(',').map((word) => word.trim())
  return words.filter((word) => word !== '').map((word) => convertValue(schema, word))
}

function convertValue(schema: TSchema | undefined, value: TextValue): unknown {
  if (value === null) return null
  if (value instanceof TextFields) return convertTexts(objectSchema(schema), value)
  if (schema === undefined) return value
  const choices = alternatives(schema)
  if (value === '' && choices.some((one) => one['type'] === 'null')) return null
  for (const one of choices) {
    const converted = convertText(one, value)
    if (choices.length === 1 || Value.Check(one, converted)) return converted
  }
  return value
}

function convertText(schema: TSchema, text: string): unknown {
  const trimmed = text.trim()
  if (schema['type'] === 'integer') return INTEGER.test(trimmed) ? Number(trimmed) : text
  if (schema['type'] === 'number') return NUMBER.test(trimmed) ? Number(trimmed) : text
  if (schema['type'] === 'object' && trimmed === '') return {}
  if (schema['type'] !== 'boolean') return text
  const word = trimmed.toLowerCase()
  return YES.has(word) ? true : NO.has(word) ? false : text
}

/** The members of a union, or the schema itself. */
function alternatives(schema: TSchema): readonly TSchema[] {
  const members: readonly TSchema[] | undefined = schema['anyOf']
  return members ?? [schema]
}

function objectSchema(schema: TSchema | undefined): TSchema {
  const found =
    schema === undefined ? undefined : alternatives(schema).find((one) => one['type'] === 'object')
  return found ?? EMPTY
}

/** Whether anything is allowed: an unknown value. */
function isOpen(schema: TSchema): boolean {
  return schema['type'] === undefined && schema['anyOf'] === undefined
}

const EMPTY = {} as TSchema
