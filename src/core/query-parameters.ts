import { InvalidError } from './errors.ts'
import { fieldNamed, PROPERTY_PREFIX, propertyKey } from './metadata.ts'
import { unknownField } from './metadata-values.ts'
import type { Condition, Order, Query, QueryField } from './query.ts'
import { checkSorted, comparison } from './query-conditions.ts'
import { parseQuery } from './query-parser.ts'
import {
  LIST_ROWS_MAX,
  METADATA_VALUE_CHARS_MAX,
  QUERY_CONDITIONS_MAX,
  QUERY_OFFSET_MAX,
} from './registry-limits.ts'

/** Parameters that are no conditions. */
export const QUERY_PARAMETERS = ['q', 'sort', 'dir', 'limit', 'offset'] as const
type Parameters = Readonly<Record<string, unknown>>

/**
 * Reads the parameters of a search: a query in `q`, and VISOR's `attribute=value`, `sort` and `dir`. A name that is no field is a
 * free pair. Throws InvalidError.
 */
export function parseQueryParameters(parameters: Parameters): Query {
  const query = parseQuery(textOf('q', parameters['q'] ?? ''))
  const where = [...query.where]
  for (const [name, value] of Object.entries(parameters)) {
    if (QUERY_PARAMETERS.some((known) => known === name)) continue
    where.push(conditionOf(name, textOf(name, value)))
  }
  if (where.length > QUERY_CONDITIONS_MAX)
    throw new InvalidError(`a query has at most ${QUERY_CONDITIONS_MAX} conditions`)
  return {
    fields: query.fields,
    where,
    order: once('sort', query.order, orderOf(parameters)),
    limit: once('limit', query.limit, numberOf(parameters, 'limit', [1, LIST_ROWS_MAX])),
    offset: once('offset', query.offset, numberOf(parameters, 'offset', [0, QUERY_OFFSET_MAX])),
  }
}

function conditionOf(name: string, text: string): Condition {
  return comparison(fieldOrPair(name), name, { operator: '=', text })
}

function fieldOrPair(name: string): QueryField {
  const field = fieldNamed(name)
  if (field !== undefined) return { kind: 'field', name: field.name }
  const prefixed = name.toLowerCase().startsWith(PROPERTY_PREFIX)
  const key = propertyKey(prefixed ? name.slice(PROPERTY_PREFIX.length) : name)
  if (key === undefined) throw unknownField(name)
  return { kind: 'property', key }
}

function orderOf(parameters: Parameters): Order | undefined {
  const { sort, dir } = parameters
  if (dir !== undefined && dir !== 'asc' && dir !== 'desc') throw new InvalidError('dir must be asc or desc')
  if (sort === undefined) {
    if (dir !== undefined) throw new InvalidError('dir needs sort, the field to sort by')
    return undefined
  }
  const name = textOf('sort', sort)
  const field = fieldOrPair(name)
  checkSorted(field, name)
  return { field, descending: dir === 'desc' }
}

function numberOf(
  parameters: Parameters,
  name: string,
  [min, max]: readonly [number, number],
): number | undefined {
  const value = parameters[name]
  if (value === undefined) return undefined
  const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number
  throw new InvalidError(`${name} must be a number from ${min} to ${max}`)
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string') throw new InvalidError(`${name.slice(0, 80)} stands here twice`)
  if (name === 'q') return value
  if (value.length <= METADATA_VALUE_CHARS_MAX && value.isWellFormed() && !value.includes('\0')) return value
  throw new InvalidError(`${name.slice(0, 80)} is no text of up to ${METADATA_VALUE_CHARS_MAX} characters`)
}

function once<T>(name: string, inQuery: T | undefined, beside: T | undefined): T | undefined {
  if (inQuery !== undefined && beside !== undefined)
    throw new InvalidError(`${name} stands in q and beside it: give it once`)
  return inQuery ?? beside
}
