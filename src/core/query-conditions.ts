import { InvalidError } from './errors.ts'
import { fieldNamed, type MetadataField, PROPERTY_PREFIX, propertyKey } from './metadata.ts'
import { parseMetadataValue, unknownField } from './metadata-values.ts'
import { BYTES_FORMS, parseBytes, parseTimeSpan, TIME_FORMS } from './quantity.ts'
import type { Condition, QueryField } from './query.ts'

export const COMPARISONS = ['=', '!=', '<', '<=', '>', '>='] as const
export type Comparison = (typeof COMPARISONS)[number]

const NOT_SEARCHED: ReadonlySet<string> = new Set(['uri', 'http_file_url'])
const NOT_SORTED: ReadonlySet<string> = new Set(['uri', 'http_file_url', 'access', 'unauthenticated_access'])

/** The field that a query means. Throws InvalidError when there is none. */
export function queryField(name: string): QueryField {
  const field = fieldNamed(name)
  if (field !== undefined) return { kind: 'field', name: field.name }
  const key = name.toLowerCase().startsWith(PROPERTY_PREFIX)
    ? propertyKey(name.slice(PROPERTY_PREFIX.length))
    : undefined
  if (key === undefined) throw unknownField(name)
  return { kind: 'property', key }
}

/** Throws InvalidError for a field that has no order. */
export function checkSorted(field: QueryField, name: string): void {
  if (field.kind === 'field' && NOT_SORTED.has(field.name))
    throw new InvalidError(`${name} cannot be sorted by`)
}

/** Throws InvalidError for a field that has no text to look into. */
export function checkMatched(field: QueryField, name: string): void {
  const { type, place } = tableField(field) ?? {}
  if (place?.table === 'acl' || place?.table === 'none') throw searched(name)
  if (type === undefined || type === 'text' || type === 'words' || type === 'enum') return
  throw new InvalidError(`${name} is no text: use = != < <= > >= with it`)
}

/** A condition on a field that the query called `name`. Throws InvalidError when the value or the operator does not fit. */
export function comparison(
  field: QueryField,
  name: string,
  use: { operator: Comparison; text: string },
): Condition {
  const { operator, text } = use
  const known = tableField(field)
  if (known !== undefined && NOT_SEARCHED.has(known.name)) throw searched(name)
  const type = known?.type ?? 'text'
  const negated = operator === '!='
  const isEquality = negated || operator === '='
  if (type === 'time' || type === 'count' || type === 'bytes') {
    if (text === '' && isEquality) return { field, test: 'is', negated, value: null }
    return { field, ...within(type, name, use) }
  }
  if (type === 'text') {
    if (isEquality) return { field, test: 'is', negated, value: text }
    return { field, test: 'compare', operator, value: text }
  }
  if (!isEquality || known === undefined) throw new InvalidError(`${name} has no order: use = or != with it`)
  if (type === 'words' && text !== '') return { field, test: 'has', negated, word: wordOf(known, text) }
  return { field, test: 'is', negated, value: type === 'words' ? '' : parseMetadataValue(known, name, text) }
}

function tableField(field: QueryField): MetadataField | undefined {
  return field.kind === 'field' ? fieldNamed(field.name) : undefined
}

function searched(name: string): InvalidError {
  return new InvalidError(`${name} cannot be searched this way`)
}

/** Words of hypervisors are kept in lower case. */
function wordOf({ name }: MetadataField, text: string): string {
  return name === 'hypervisor' ? text.toLowerCase() : text
}

type Within = Extract<Condition, { test: 'within' }>

function within(
  type: 'time' | 'count' | 'bytes',
  name: string,
  { operator, text }: { operator: Comparison; text: string },
): Omit<Within, 'field'> {
  const { startMs: start, endMs: end } = spanOf(type, name, text)
  const test = 'within'
  if (operator === '<') return { test, negated: false, below: start }
  if (operator === '<=') return { test, negated: false, below: end }
  if (operator === '>') return { test, negated: false, from: end }
  if (operator === '>=') return { test, negated: false, from: start }
  return { test, negated: operator === '!=', from: start, below: end }
}

/** A number is the span up to the next one. */
function spanOf(
  type: 'time' | 'count' | 'bytes',
  name: string,
  text: string,
): { startMs: number; endMs: number } {
  if (type === 'time') {
    const span = parseTimeSpan(text)
    if (span !== undefined) return span
    throw new InvalidError(`${name} must be ${TIME_FORMS}`)
  }
  const number = type === 'bytes' || /^\d{1,15}$/.test(text) ? parseBytes(text) : undefined
  if (number !== undefined) return { startMs: number, endMs: number + 1 }
  throw new InvalidError(`${name} must be ${type === 'bytes' ? BYTES_FORMS : 'a whole number'}`)
}
